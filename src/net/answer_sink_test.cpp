// Answers that are taken while they arrive.

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/compression.h"
#include "net/http_client_test.h"

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

namespace {

struct Sink final : AnswerSink {
  bool on_head(const Headers& headers) override {
    ++heads;
    for (const auto& [name, value] : headers) {
      if (name == "content-type") {
        content_type = value;
      }
    }
    return wants_body;
  }
  bool on_data(std::string_view bytes) override {
    CHECK(heads == 1);
    text += bytes;
    ++pieces;
    return text.size() < limit;
  }

  int heads = 0;
  int pieces = 0;
  bool wants_body = true;
  size_t limit = SIZE_MAX;
  std::string content_type;
  std::string text;
};

Call get_call(const std::string& url, AnswerSink& sink) {
  Call call;
  call.method = "GET";
  call.url = url;
  call.timeout = 5s;
  call.sink = &sink;
  return call;
}

CallResult get(Client& client, const std::string& url, AnswerSink& sink) {
  return call_and_wait(client.lane, *client.channel, get_call(url, sink));
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  return text;
}

std::string gzip(std::string_view text) {
  return std::string(codec::gzip_compress(text).view());
}

}  // namespace

TEST_CASE("AnswerSink: takes a body of any size, in pieces, after its head") {
  const std::string text = long_text();
  RawServer server(always(200, nullptr, "Content-Type: text/plain; version=0.0.4\r\n", text));
  for (const size_t expected : {size_t{0}, text.size()}) {
    Client client;
    Sink sink;
    Call call = get_call(server.url(), sink);
    call.expected_bytes = expected;
    const CallResult result = call_and_wait(client.lane, *client.channel, call);
    REQUIRE(result.transport.has_value());
    CHECK(result.status == 200);
    CHECK(result.body.empty());
    CHECK(result.header("content-type") == "text/plain; version=0.0.4");
    CHECK(sink.content_type == "text/plain; version=0.0.4");
    CHECK(sink.text == text);
    CHECK(sink.pieces > 1);
  }
}

TEST_CASE("AnswerSink: gzip is undone, also when it comes byte by byte") {
  const std::string text = long_text();
  const std::string packed = gzip(text);
  RawServer quick(always(200, nullptr, "Content-Encoding: gzip\r\n", packed));
  const std::string small = gzip("up 1\n");
  RawServer slow([&small](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
    for (const char c : small) {
      connection.send(std::string_view(&c, 1));
    }
  });
  Client client;
  for (int i = 0; i < 3; ++i) {
    Sink sink;
    CHECK(get(client, quick.url(), sink).transport.has_value());
    CHECK(sink.text == text);
  }
  Sink sink;
  CHECK(get(client, slow.url(), sink).transport.has_value());
  CHECK(sink.text == "up 1\n");
}

TEST_CASE("AnswerSink: gzip that is broken, cut off or a bomb fails the call") {
  const std::string packed = gzip(long_text());
  Client client;
  Sink sink;
  RawServer broken(always(200, nullptr, "Content-Encoding: gzip\r\n", "up 1\n"));
  CHECK(get(client, broken.url(), sink).transport.error().code == ErrorCode::invalid);
  RawServer cut(
      always(200, nullptr, "Content-Encoding: gzip\r\n", packed.substr(0, packed.size() / 2)));
  Sink second;
  CHECK(get(client, cut.url(), second).transport.error().code == ErrorCode::invalid);
  RawServer empty(always(200, nullptr, "Content-Encoding: gzip\r\n", ""));
  Sink third;
  CHECK(get(client, empty.url(), third).transport.error().code == ErrorCode::invalid);
  RawServer bomb(
      always(200, nullptr, "Content-Encoding: gzip\r\n", gzip(std::string(100'000'000, '\n'))));
  Sink fourth;
  CHECK(get(client, bomb.url(), fourth).transport.error().code == ErrorCode::limit);
  CHECK(fourth.text.size() < 40'000'000);
}

TEST_CASE("AnswerSink: one that takes its time gets all, and the lane serves others meanwhile") {
  /// Works for longer than its share of a turn over each piece.
  struct SlowSink final : AnswerSink {
    explicit SlowSink(const Clock& of) : clock(of) {}
    bool on_head(const Headers&) override { return true; }
    bool on_data(std::string_view bytes) override {
      text += bytes;
      const int64_t begin = clock.monotonic_ns();
      while (clock.monotonic_ns() - begin < 12'000'000) {
      }
      return text.size() < most;
    }
    const Clock& clock;
    std::string text;
    size_t most = SIZE_MAX;
  };
  const std::string text(300'000, 'x');
  RawServer server(always(200, nullptr, "", text));
  Client client;
  SlowSink sink(client.lane.lane().clock());
  int ticks = 0;
  std::unique_ptr<Timer> timer;
  timer = client.lane.lane().timer([&] {
    ++ticks;
    timer->start(std::chrono::milliseconds(1));
  });
  timer->start(std::chrono::milliseconds(1));
  CHECK(get(client, server.url(), sink).transport.has_value());
  CHECK(sink.text == text);
  CHECK(ticks >= 5);

  SlowSink choosy(client.lane.lane().clock());
  choosy.most = 100'000;
  CHECK(get(client, server.url(), choosy).transport.error().code == ErrorCode::cancelled);
  CHECK(choosy.text.size() < 200'000);
  timer.reset();
}

TEST_CASE("AnswerSink: ends an endless answer, or one whose head it does not like") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n");
    while (connection.send("a_metric 1\na_metric 2\na_metric 3\n")) {
    }
  });
  Client client;
  Sink sink;
  sink.limit = 1'000'000;
  CHECK(get(client, server.url(), sink).transport.error().code == ErrorCode::cancelled);
  CHECK(sink.text.size() >= 1'000'000);
  CHECK(sink.text.size() < 1'100'000);
  Sink picky;
  picky.wants_body = false;
  CHECK(get(client, server.url(), picky).transport.error().code == ErrorCode::cancelled);
  CHECK(picky.text.empty());
}

TEST_CASE("AnswerSink: gets nothing of an answer that is not 200") {
  RawServer server(always(503, nullptr, "Content-Type: text/html\r\n", "busy"));
  Client client;
  Sink sink;
  const CallResult result = get(client, server.url(), sink);
  CHECK(result.status == 503);
  CHECK(result.body == "busy");
  CHECK(sink.heads == 0);
  CHECK(sink.text.empty());
}

TEST_CASE("AnswerSink: an empty body has a head too") {
  RawServer server(always(200, nullptr, "Content-Type: text/plain\r\n", ""));
  Client client;
  Sink sink;
  CHECK(get(client, server.url(), sink).transport.has_value());
  CHECK(sink.heads == 1);
  CHECK(sink.content_type == "text/plain");
}

TEST_CASE("AnswerSink: sees the last answer of a chain of redirects; a circle ends") {
  RawServer server([](RawConnection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      if (request.starts_with("GET /a ")) {
        connection.answer(302, "Location: /b\r\n", "over there");
      } else if (request.starts_with("GET /round")) {
        connection.answer(302, "Location: /round\r\n", "again");
      } else {
        connection.answer(200, "", "here");
      }
    }
  });
  Client client;
  Sink sink;
  CHECK(get(client, server.url("/a"), sink).transport.has_value());
  CHECK(sink.text == "here");
  CHECK(sink.heads == 1);
  Sink circle;
  CHECK(get(client, server.url("/round"), circle).transport.error().code == ErrorCode::network);
  CHECK(circle.heads == 0);
}

TEST_CASE("AnswerSink: a body that drips or stops is ended in time") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup");
    connection.hang();
  });
  Client client;
  Sink sink;
  Call call = get_call(server.url(), sink);
  call.timeout = 100ms;
  const CallResult result = call_and_wait(client.lane, *client.channel, call);
  CHECK(result.transport.error().code == ErrorCode::timeout);
  CHECK(result.transport.error().message.find("no answer within 100 ms") != std::string::npos);
  CHECK(sink.text == "up");
}

TEST_CASE("AnswerSink: a body shorter than announced fails the call") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n");
  });
  Client client;
  Sink sink;
  CHECK(get(client, server.url(), sink).transport.error().code == ErrorCode::network);
}

TEST_CASE("AnswerSink: keeps a connection to each of many servers") {
  std::vector<std::unique_ptr<RawServer>> servers;
  for (int i = 0; i < 130; ++i) {  // more than are kept unasked
    servers.push_back(std::make_unique<RawServer>(always(200, nullptr, "", "up 1\n")));
  }
  Client client;
  client.channel->keep_connections(servers.size());
  for (int round = 0; round < 3; ++round) {
    std::vector<Sink> sinks(servers.size());
    size_t answered = 0;
    for (size_t i = 0; i < servers.size(); ++i) {
      client.channel->call(get_call(servers[i]->url(), sinks[i]),
                           [&answered](const CallResult&) { ++answered; });
    }
    CHECK(answered == 0);
    REQUIRE(client.lane.run_until([&] { return answered == servers.size(); }));
    for (const Sink& sink : sinks) {
      CHECK(sink.text == "up 1\n");
    }
  }
  CHECK(client.metric("tailrace_http_client_connections_opened_total") == 130);
}
