#include "net/http_server.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/raw_server.h"
#include "testkit/recording_handler.h"
#include "testkit/uv_test_lane.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::RawClient;
using testkit::RecordingHandler;
using Exchange = RecordingHandler::Exchange;
using Reason = ServerRefusal::Reason;

namespace {

struct Server {
  testkit::UvTestLane lane;
  RecordingHandler handler;
  std::unique_ptr<HttpServer> http;

  explicit Server(HttpServerConfig config = {}, bool reuse_port = false) {
    config.listen = config.listen.empty() ? "127.0.0.1:0" : config.listen;
    auto made = net::make_http_server(lane.lane(), config, handler, reuse_port);
    REQUIRE(made.has_value());
    http = std::move(*made);
  }

  /// Runs the client on a thread of its own while the loop turns; what it returns.
  std::string talk(const std::function<std::string(RawClient&)>& client) {
    std::atomic<bool> over{false};
    std::string result;
    std::thread thread([&] {
      RawClient socket(http->port());
      result = client(socket);
      over = true;
    });
    const bool in_time = lane.run_until([&] { return over.load(); });
    CHECK(in_time);
    thread.join();
    return result;
  }
  std::string exchange(const std::string& request) {
    return talk([&](RawClient& client) {
      client.send(request);
      return client.read_answer();
    });
  }
};

std::string post(const std::string& path, const std::string& body, const std::string& more = {}) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}", path,
                     body.size(), more, body);
}

bool has_part(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("HttpServer: a request's head and body arrive, its answer goes back") {
  Server server;
  server.handler.body = [](const Exchange& exchange, const std::string&) {
    exchange->reply(200, {{"X-Thing", "value"}, {"Content-Type", "text/plain"}}, "thanks");
  };
  const std::string answer =
      server.exchange(post("/push/%41?a=1&b=%20", "hello", "X-Scope-OrgID: Team A\r\n"));
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has_part(answer, "\r\nX-Thing: value\r\n"));
  CHECK(has_part(answer, "\r\nContent-Length: 6\r\n"));
  CHECK(answer.ends_with("\r\n\r\nthanks"));
  REQUIRE(server.handler.heads.size() == 1);
  const HttpRequestHead& head = server.handler.heads[0]->head();
  CHECK(head.method == "POST");
  CHECK(head.path == "/push/%41");
  CHECK(head.query == "a=1&b=%20");
  CHECK(head.header("x-scope-orgid") == "Team A");
  CHECK(head.content_length == 5);
  CHECK(head.peer.starts_with("127.0.0.1:"));
  CHECK(server.handler.bodies == std::vector<std::string>{"hello"});
  CHECK(server.handler.padding_is_there);
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
}

TEST_CASE("HttpServer: requests in a row, and pipelined, on one connection") {
  Server server;
  server.handler.body = [](const Exchange& exchange, const std::string& body) {
    exchange->reply(200, {}, body);
  };
  server.talk([](RawClient& client) {
    for (int i = 0; i < 10; ++i) {
      client.send(post("/", std::to_string(i)));
      CHECK(client.read_answer().ends_with("\r\n\r\n" + std::to_string(i)));
    }
    client.send(post("/", "one") + post("/", "two") + post("/", "three"));
    CHECK(client.read_answer().ends_with("one"));
    CHECK(client.read_answer().ends_with("two"));
    CHECK(client.read_answer().ends_with("three"));
    return std::string();
  });
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 13; }));
}

TEST_CASE("HttpServer: a large body comes whole") {
  Server server;
  server.handler.limit = 16 * 1024 * 1024;
  std::string body(10 * 1024 * 1024 + 17, '\0');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 31 + i / 4096);
  }
  CHECK(server.exchange(post("/", body)).starts_with("HTTP/1.1 204"));
  REQUIRE(server.handler.bodies.size() == 1);
  CHECK(server.handler.bodies[0] == body);
}

TEST_CASE("HttpServer: chunked bodies, dripped bodies, and none") {
  Server server;
  server.talk([](RawClient& client) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char c : std::string("4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n")) {
      client.send(std::string(1, c));
    }
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    for (const char c : post("/", "drip drop")) {
      client.send(std::string(1, c));
    }
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    client.send("GET /thing HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    return std::string();
  });
  CHECK(server.handler.bodies == std::vector<std::string>{"Wikipedia", "drip drop", "", ""});
  CHECK(server.handler.padding_is_there);
  CHECK_FALSE(server.handler.heads[0]->head().content_length.has_value());
}

TEST_CASE("HttpServer: a large chunked body grows up to the limit") {
  Server server;
  server.handler.limit = 300'000;
  const std::string chunk(10'000, 'c');
  const auto send_chunks = [&](RawClient& client, int count) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < count; ++i) {
      client.send(fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk));
    }
    client.send("0\r\n\r\n");
    return client.read_answer();
  };
  CHECK(server.talk([&](RawClient& c) { return send_chunks(c, 30); }).starts_with("HTTP/1.1 204"));
  CHECK(server.handler.bodies.back().size() == 300'000);
  CHECK(server.talk([&](RawClient& c) { return send_chunks(c, 31); }).starts_with("HTTP/1.1 413"));
  CHECK(server.handler.bodies.size() == 1);
  REQUIRE(server.handler.refused(Reason::too_large) == 1);
  CHECK(server.handler.refusals[0].status == 413);
  CHECK(server.handler.refusals[0].peer.starts_with("127.0.0.1:"));
  server.handler.room = 200'000;  // its handler is asked before it grows
  CHECK(server.talk([&](RawClient& c) { return send_chunks(c, 5); }).starts_with("HTTP/1.1 204"));
  CHECK(server.talk([&](RawClient& c) { return send_chunks(c, 30); }).starts_with("HTTP/1.1 429"));
  CHECK(server.handler.bodies.size() == 2);
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 4; }));
  CHECK(server.handler.refusals.size() == 1);  // the 429 was the handler's own
}

TEST_CASE("HttpServer: a growing body is told to hold its own size, and grows by less if need be") {
  Server server;
  server.handler.limit = 1'000'000;
  server.handler.room = 600'000;  // not for 256 KiB and twice that, but for a quarter more
  server.talk([](RawClient& client) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", 270'000, std::string(270'000, 'c')));
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    return std::string();
  });
  REQUIRE(server.handler.bodies.size() == 1);
  CHECK(server.handler.bodies[0].size() == 270'000);
  CHECK(server.handler.held >= 270'000);
  CHECK(server.handler.held < 350'000);
}

TEST_CASE("HttpServer: too large a Content-Length is refused") {
  Server server;
  server.handler.limit = 100;
  SUBCASE("a small one, whose body is read, and the connection kept") {
    server.talk([](RawClient& client) {
      client.send(post("/", std::string(101, 'x')));
      CHECK(client.read_answer().starts_with("HTTP/1.1 413"));
      client.send(post("/", std::string(100, 'x')));
      CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
      return std::string();
    });
    CHECK(server.handler.bodies.size() == 1);
  }
  SUBCASE("a large one, at once, by a client that waits for the answer") {
    const std::string answer = server.talk([](RawClient& client) {
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n");
      return client.read_all();
    });
    CHECK(answer.starts_with("HTTP/1.1 413"));
    CHECK(has_part(answer, "Connection: close\r\n"));
  }
  SUBCASE("a large one, by a client that sends all the same, and still sees the answer") {
    const std::string answer = server.talk([](RawClient& client) {
      client.send(post("/", std::string(20 * 1024 * 1024, 'x')));
      return client.read_all();
    });
    CHECK(answer.starts_with("HTTP/1.1 413"));
  }
  SUBCASE("a small one that asks first: not a byte of it is wanted") {
    const std::string answer = server.talk([](RawClient& client) {
      client.send(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n"
          "Expect: 100-continue\r\n\r\n");
      return client.read_all();
    });
    CHECK(answer.starts_with("HTTP/1.1 413"));
  }
  REQUIRE(server.lane.run_until(
      [&] { return server.handler.ends.size() == server.handler.heads.size(); }));
  CHECK(server.handler.refused(Reason::too_large) == 1);
}

TEST_CASE("HttpServer: a request refused at its head is answered, its body not handed over") {
  Server server;
  server.handler.head = [](const Exchange& exchange) {
    exchange->reply(429, {{"Retry-After", "3"}}, "later");
  };
  server.talk([](RawClient& client) {
    for (int i = 0; i < 3; ++i) {
      client.send(post("/", std::string(500'000, 'x')));
      const std::string answer = client.read_answer();
      CHECK(answer.starts_with("HTTP/1.1 429"));
      CHECK(has_part(answer, "Retry-After: 3\r\n"));
    }
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_answer().starts_with("HTTP/1.1 429"));
    return std::string();
  });
  CHECK(server.handler.bodies.empty());
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 4; }));
}

TEST_CASE("HttpServer: Expect: 100-continue is asked for the body when it is welcome") {
  Server server;
  server.talk([](RawClient& client) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read_answer().starts_with("HTTP/1.1 100"));
    client.send("body");
    CHECK(client.read_answer().starts_with("HTTP/1.1 204"));
    return std::string();
  });
}

TEST_CASE("HttpServer: answers may come late and in any order") {
  Server server;
  std::vector<Exchange> waiting;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    waiting.push_back(exchange);
    if (waiting.size() == 3) {
      server.lane.lane().post([&waiting] {
        for (size_t i = waiting.size(); i > 0; --i) {
          waiting[i - 1]->reply(200, {}, "late");
        }
      });
    }
  };
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      RawClient client(server.http->port());
      client.send(post("/", "x"));
      CHECK(client.read_answer().ends_with("late"));
      client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      answered++;
    });
  }
  CHECK(server.lane.run_until([&] { return answered == 3; }));
  for (std::thread& client : clients) {
    client.join();
  }
}

TEST_CASE("HttpServer: clients that wait keep nobody busy, however many they are") {
  constexpr size_t kClients = 40;
  Server server;
  std::vector<Exchange> waiting;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    waiting.push_back(exchange);
  };
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.http->port()));
    clients.back()->send(post("/", "x"));
  }
  REQUIRE(server.lane.run_until([&] { return waiting.size() == kClients; }));
  server.lane.run_for(20ms);
  const uint64_t before = server.lane.turns();
  server.lane.run_for(200ms);
  CHECK(server.lane.turns() - before < 10);
  for (const Exchange& exchange : waiting) {
    exchange->reply(200, {}, "late");
  }
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == kClients; }));
  for (const auto& client : clients) {
    CHECK(client->read_answer().ends_with("late"));
  }
}

TEST_CASE("HttpServer: an answer that comes soon waits for no timer") {
  Server server;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    // In the next turn: the client is neither suspended nor answered from within the handler.
    server.lane.lane().post([exchange] { exchange->reply(200, {}, ""); });
  };
  server.talk([](RawClient& client) {
    for (int i = 0; i < 100; ++i) {
      client.send(post("/", std::string(static_cast<size_t>(i) * 1000, 'b')));
      CHECK(client.read_answer().starts_with("HTTP/1.1 200 OK\r\n"));
    }
    return std::string();
  });
  REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 100; }));
}

TEST_CASE("HttpServer: answers without a body have a date, and what they share is theirs") {
  Server server;
  int count = 0;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    ++count;
    exchange->reply(count == 3 ? 202 : 200, {{"X-Kind", count < 4 ? "same" : "other"}}, "");
  };
  for (const bool other : {false, false, false, true}) {
    const std::string answer = server.exchange(post("/", "x"));
    CHECK(answer.starts_with(count == 3 ? "HTTP/1.1 202" : "HTTP/1.1 200"));
    CHECK(has_part(answer, other ? "\r\nX-Kind: other\r\n" : "\r\nX-Kind: same\r\n"));
    CHECK(has_part(answer, "\r\nContent-Length: 0\r\n"));
    const size_t date = answer.find("\r\nDate: ");
    REQUIRE(date != std::string::npos);
    CHECK(answer.find("Date: ", date + 8) == std::string::npos);
    CHECK(answer.substr(date + 8 + 25, 6) == " GMT\r\n");
  }
}

TEST_CASE("HttpServer: clients that vanish end their exchange once, and replies do nothing") {
  Server server;
  SUBCASE("within the head") {
    server.talk([](RawClient& client) {
      client.send("POST / HTTP/1.1\r\nHos");
      client.reset();
      return std::string();
    });
    server.lane.run_for(20ms);
    CHECK(server.handler.heads.empty());
    CHECK(server.handler.ends.empty());
  }
  SUBCASE("within the body") {
    server.talk([](RawClient& client) {
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
      client.shut_down_sending();
      client.read_all();
      return std::string();
    });
    REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
    CHECK(server.handler.bodies.empty());
    server.handler.heads[0]->reply(200, {}, "");
    CHECK(server.handler.heads[0]->replied());
  }
  SUBCASE("with the close in the same packet as the last bytes") {
    RawClient client(server.http->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
    client.shut_down_sending();
    REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
    CHECK(server.handler.bodies.empty());
  }
  SUBCASE("while the handler thinks") {
    server.handler.body = [](const Exchange&, const std::string&) {};
    server.talk([&](RawClient& client) {
      client.send(post("/", "x"));
      return std::string();
    });
    REQUIRE(server.lane.run_until([&] { return server.handler.bodies.size() == 1; }));
    CHECK(server.handler.ends.empty());
    server.handler.heads[0]->reply(200, {}, "too late");
    REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
  }
  server.lane.run_for(20ms);
  CHECK(server.handler.ends.size() <= 1);
}

TEST_CASE("HttpServer: HEAD has no body, unknown methods are the handler's business") {
  Server server;
  server.handler.body = [](const Exchange& exchange, const std::string&) {
    exchange->reply(200, {}, exchange->head().method);
  };
  const std::string head = server.talk([](RawClient& client) {
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.read_all();
  });
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK(has_part(head, "Content-Length: 4\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(server.exchange("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("BREW"));
}

TEST_CASE("HttpServer: malformed requests are refused without the handler") {
  uint64_t told = 0;
  const auto refused = [&told](const std::string& request) {
    HttpServerConfig config;
    config.idle_timeout = 1s;
    Server server(config);
    const std::string answer = server.talk([&](RawClient& client) {
      client.send(request);
      client.shut_down_sending();
      return client.read_all();
    });
    CHECK((answer.empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5") ||
           answer.starts_with("HTTP/1.0 4")));
    CHECK(server.handler.bodies.empty());
    CHECK(server.handler.heads.size() == server.handler.ends.size());
    told = server.handler.refused(Reason::malformed);
    return answer;
  };
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            .starts_with("HTTP/1.1 400"));
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\nabc")
            .starts_with("HTTP/1.1 501"));
  CHECK(told == 1);
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"
                "123456")
            .starts_with("HTTP/1.1 400"));
  refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n");
  refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n");
  refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n");
  refused("GET / HTTP/1.1\r\n\r\n");
  refused("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  refused("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n");
  refused("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n");
  refused(std::string(5000, '\0'));
}

TEST_CASE("HttpServer: ports") {
  Server first;
  CHECK(first.http->port() != 0);
  HttpServerConfig config;
  config.listen = fmt::format("127.0.0.1:{}", first.http->port());
  const auto second = net::make_http_server(first.lane.lane(), config, first.handler, false);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(has_part(second.error().message, config.listen));

  for (const char* nonsense : {"", "3100", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000",
                               "::1:3100", "[::1:3100", "no such host:1", "x:+1"}) {
    config.listen = nonsense;
    const auto none = net::make_http_server(first.lane.lane(), config, first.handler, false);
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().code == ErrorCode::invalid);
  }
}

TEST_CASE("HttpServer: several servers share a port with reuse_port") {
  Server first({}, true);
  HttpServerConfig config;
  config.listen = fmt::format("127.0.0.1:{}", first.http->port());
  Server second(config, true);
  CHECK(second.http->port() == first.http->port());
}

TEST_CASE("HttpServer: listens on names and on all addresses") {
  for (const char* listen : {"localhost:0", "0.0.0.0:0", ":0", "[::]:0"}) {
    HttpServerConfig config;
    config.listen = listen;
    Server server(config);
    CHECK(server.exchange(post("/", "x")).starts_with("HTTP/1.1 204"));
    CHECK(server.handler.heads[0]->head().peer.starts_with("127.0.0.1:"));
  }
}

TEST_CASE("HttpServer: idle and stuck clients are sent away after idle_timeout") {
  HttpServerConfig config;
  config.idle_timeout = 1s;
  Server server(config);
  size_t bodies_given_up = 0;
  SUBCASE("silent from the start") {
    CHECK(server.talk([](RawClient& client) { return client.read_all(); }).empty());
  }
  SUBCASE("silent after an answer") {
    const std::string answer = server.talk([](RawClient& client) {
      client.send(post("/", "x"));
      return client.read_all();
    });
    CHECK(answer.starts_with("HTTP/1.1 204"));
  }
  SUBCASE("silent within the body") {
    server.talk([](RawClient& client) {
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
      return client.read_all();
    });
    REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
    bodies_given_up = 1;
  }
  SUBCASE("not silent, but endless within the head") {
    // Each byte would start the clock of a simpler server anew.
    std::atomic<bool> closed{false};
    std::thread drip([&] {
      RawClient client(server.http->port());
      client.send("GET / HTTP/1.1\r\nX: ");
      client.drip(100ms);
      closed = true;
    });
    CHECK(server.lane.run_until([&] { return closed.load(); }));
    drip.join();
  }
  SUBCASE("not silent, but next to it within the body") {
    std::atomic<bool> closed{false};
    std::thread drip([&] {
      RawClient client(server.http->port());
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
      client.drip(100ms);
      closed = true;
    });
    CHECK(server.lane.run_until([&] { return closed.load(); }));
    drip.join();
    REQUIRE(server.lane.run_until([&] { return server.handler.ends.size() == 1; }));
    bodies_given_up = 1;
  }
  CHECK(server.handler.refused(Reason::too_slow) == bodies_given_up);
  CHECK(server.handler.refusals.size() == bodies_given_up);
}

TEST_CASE("HttpServer: a handler that takes its time is not a silent client") {
  HttpServerConfig config;
  config.idle_timeout = 1s;
  Server server(config);
  std::unique_ptr<Timer> later;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    later = server.lane.lane().timer([exchange] { exchange->reply(200, {}, "at last"); });
    later->start(2500ms);
  };
  CHECK(server.exchange(post("/", "x")).ends_with("at last"));
}

TEST_CASE("HttpServer: beyond max_connections clients wait for one to end") {
  HttpServerConfig config;
  config.max_connections = 2;
  Server server(config);
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      RawClient client(server.http->port());
      client.send(post("/", "x"));
      if (client.read_answer().starts_with("HTTP/1.1 204")) {
        answered++;
      }
    });
  }
  CHECK(server.lane.run_until([&] { return answered == 12; }));
  CHECK(server.handler.refused(Reason::full_connections) >= 1);
  for (std::thread& client : clients) {
    client.join();
  }
}

TEST_CASE("HttpServer: quiesced, it takes no new connections and closes the old ones politely") {
  Server server;
  std::atomic<int> step{0};
  std::string last;
  std::thread client([&] {
    RawClient socket(server.http->port());
    socket.send(post("/", "x"));
    socket.read_answer();
    step = 1;
    step.wait(1);
    socket.send(post("/", "y"));
    last = socket.read_all();
    step = 3;
  });
  REQUIRE(server.lane.run_until([&] { return step == 1; }));
  const uint16_t port = server.http->port();
  server.http->quiesce();
  server.http->quiesce();
  step = 2;
  step.notify_all();
  CHECK(server.lane.run_until([&] { return step == 3; }));
  client.join();
  CHECK(last.starts_with("HTTP/1.1 204"));
  CHECK(has_part(last, "Connection: close\r\n"));
  // The port is free again.
  HttpServerConfig config;
  config.listen = fmt::format("127.0.0.1:{}", port);
  CHECK(net::make_http_server(server.lane.lane(), config, server.handler, false).has_value());
}

TEST_CASE("HttpServer: destroyed with requests in every state, each ends once") {
  Server server;
  std::vector<Exchange> kept;
  server.handler.body = [&](const Exchange& exchange, const std::string&) {
    kept.push_back(exchange);
  };
  RawClient waiting(server.http->port());
  RawClient sending(server.http->port());
  RawClient silent(server.http->port());
  waiting.send(post("/", "x"));
  sending.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
  REQUIRE(
      server.lane.run_until([&] { return server.handler.heads.size() == 2 && kept.size() == 1; }));
  server.http.reset();
  CHECK(server.handler.ends.size() == 2);
  kept[0]->reply(200, {}, "to nobody");
  CHECK(waiting.read_all().empty());
  CHECK(server.handler.ends.size() == 2);
}
