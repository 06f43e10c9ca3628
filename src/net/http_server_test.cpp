#include "net/http_server_test.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

// Requests and their bodies; http_server_connections_test.cpp is about what lies around them.

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

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
