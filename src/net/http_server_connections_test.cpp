#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "net/http_server_test.h"

// Connections: whom they wait for, how they end, and the ports that they come to.

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

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
  // Each byte would start the clock of a simpler server anew.
  const auto drip = [&](const std::string& head) {
    server.talk([&](RawClient& client) {
      client.send(head);
      client.drip(100ms);
      return std::string();
    });
  };
  SUBCASE("not silent, but endless within the head") {
    drip("GET / HTTP/1.1\r\nX: ");
  }
  SUBCASE("not silent, but next to it within the body") {
    drip("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
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
