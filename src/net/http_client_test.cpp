#include "net/http_client.h"

#include <atomic>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "net/http_client_test.h"

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

TEST_CASE("HttpClient: posts a body and brings status, headers and body back") {
  Seen seen;
  RawServer server(always(200, &seen, "X-Thing:  Some Value \r\nRetry-After: 7\r\n", "stored"));
  Client client;
  Call call = post_call(server.url("/push?x=1"), "some body");
  call.headers = {{"Content-Type", "application/x-protobuf"}, {"X-Scope-OrgID", "team-a"}};
  const CallResult result = call_and_wait(client.lane, *client.channel, call);
  REQUIRE(result.transport.has_value());
  CHECK(result.status == 200);
  CHECK(result.header("x-thing") == "Some Value");
  CHECK(result.header("retry-after") == "7");
  CHECK(result.body == "stored");
  const std::string request = seen[0];
  CHECK(request.starts_with("POST /push?x=1 HTTP/1.1\r\n"));
  CHECK(contains(request, "\r\nContent-Type: application/x-protobuf\r\n"));
  CHECK(contains(request, "\r\nX-Scope-OrgID: team-a\r\n"));
  CHECK(contains(request, "\r\nUser-Agent: tailrace/"));
  CHECK(contains(request, "\r\nContent-Length: 9\r\n"));
  CHECK_FALSE(contains(request, "Expect"));
  CHECK_FALSE(contains(request, "Authorization"));
  CHECK(request.ends_with("\r\n\r\nsome body"));
}

TEST_CASE("HttpClient: bodies are bytes, of any size") {
  Seen seen;
  RawServer server(always(204, &seen));
  Client client;
  std::string body(3 * 1024 * 1024, '\0');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 + i / 1000);
  }
  CHECK(client.post(server.url(), body).status == 204);
  CHECK(seen[0].ends_with(body));
  CHECK(client.post(server.url(), "").status == 204);
  CHECK(contains(seen[1], "Content-Length: 0\r\n"));
  CHECK_FALSE(contains(seen[1], "Content-Type"));
}

TEST_CASE("HttpClient: other methods") {
  Seen seen;
  RawServer server(always(200, &seen));
  Client client;
  Call call = post_call(server.url("/a"), "");
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    call.method = method;
    CHECK(call_and_wait(client.lane, *client.channel, call).status == 200);
  }
  CHECK(seen[0].starts_with("GET /a "));
  CHECK_FALSE(contains(seen[0], "Content-Length"));
  CHECK(seen[1].starts_with("PUT /a "));
  CHECK(seen[2].starts_with("DELETE /a "));
}

TEST_CASE("HttpClient: calls in a row share a connection") {
  RawServer server(always(204));
  Client client;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(client.post(server.url()).status == 204);
  }
  CHECK(server.accepted() == 1);
  CHECK(client.metric("tailrace_http_client_connections_opened_total") == 1);
}

TEST_CASE("HttpClient: many calls at once") {
  RawServer server(always(204));
  Client client;
  int answered = 0;
  const std::string body(100'000, 'x');
  for (int i = 0; i < 50; ++i) {
    client.channel->call(post_call(server.url(), body), [&answered](const CallResult& result) {
      answered += result.status == 204 ? 1 : 0;
    });
  }
  CHECK(answered == 0);  // never before call() has returned
  REQUIRE(client.lane.run_until([&] { return answered == 50; }));
}

TEST_CASE("HttpClient: the answers that ask to wait or to send less arrive as they are") {
  for (const int status : {400, 413, 429, 500, 503}) {
    RawServer server(always(status, nullptr, "Retry-After: 30\r\n", "reason"));
    Client client;
    const CallResult result = client.post(server.url());
    REQUIRE(result.transport.has_value());
    CHECK(result.status == status);
    CHECK(result.header("retry-after") == "30");
    CHECK(result.body == "reason");
  }
}

TEST_CASE("HttpClient: an answer sent before the body was read is seen") {
  RawServer server([](RawConnection& connection) {
    connection.read_head();
    connection.answer(413, "Connection: close\r\n", "too large");
    connection.hang();  // reads the rest, as a polite server does
  });
  Client client;
  const std::string body(8 * 1024 * 1024, 'x');
  CHECK(client.post(server.url(), body).status == 413);
}

TEST_CASE("HttpClient: an answer that a reset follows is seen, or the call fails") {
  // A server that closes with unread bytes. What must not happen is a wrong answer or a hang.
  RawServer server([](RawConnection& connection) {
    connection.read_head();
    connection.answer(413, "", "too large");
  });
  Client client;
  const std::string body(8 * 1024 * 1024, 'x');
  int seen = 0;
  for (int i = 0; i < 10; ++i) {
    const CallResult result = client.post(server.url(), body);
    if (result.transport) {
      CHECK(result.status == 413);
      ++seen;
    } else {
      CHECK(result.transport.error().code == ErrorCode::network);
    }
  }
  MESSAGE("answers seen in spite of the reset: ", seen, " of 10");
}

TEST_CASE("HttpClient: nobody listens") {
  uint16_t port = 0;
  {
    port = RawServer([](RawConnection&) {}).port();
  }
  Client client;
  const CallResult result = client.post(fmt::format("http://127.0.0.1:{}/", port));
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::network);
  CHECK(contains(result.transport.error().message, "onnect"));
  CHECK(client.metric("tailrace_http_client_errors_total", "network") == 1);
  CHECK(client.metric("tailrace_http_client_errors_total", "tls") == 0);
}

TEST_CASE("HttpClient: a host that does not resolve") {
  Client client;
  const CallResult result = client.post("http://no-such-host.invalid/");
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::network);
  CHECK(contains(result.transport.error().message, "no-such-host.invalid"));
}

TEST_CASE("HttpClient: localhost by its name") {
  RawServer server(always(204));
  Client client;
  CHECK(client.post(fmt::format("http://localhost:{}/", server.port())).status == 204);
}

TEST_CASE("HttpClient: a reset, a close and a close within the answer are network errors") {
  const std::vector<std::function<void(RawConnection&)>> scripts = {
      [](RawConnection& c) {
        c.read_request();
        c.reset();
      },
      [](RawConnection& c) { c.read_request(); },
      [](RawConnection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
      },
      [](RawConnection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart");
      },
      [](RawConnection& c) {
        c.read_request();
        c.send("220 mail.example.com ESMTP\r\n");
      },
  };
  for (const auto& script : scripts) {
    RawServer server(script);
    Client client;
    const CallResult result = client.post(server.url());
    REQUIRE_FALSE(result.transport.has_value());
    CHECK(result.transport.error().code == ErrorCode::network);
    CHECK(result.status == 0);
    CHECK(result.body.empty());
  }
}

TEST_CASE("HttpClient: a server that never answers is left after the call's timeout") {
  RawServer server([](RawConnection& connection) { connection.hang(); });
  Client client;
  Call call = post_call(server.url(), "x");
  call.timeout = 50ms;
  const CallResult result = call_and_wait(client.lane, *client.channel, call);
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::timeout);
  CHECK(contains(result.transport.error().message, "50 ms"));
  CHECK(client.metric("tailrace_http_client_errors_total", "timeout") == 1);
}

TEST_CASE("HttpClient: a dripping answer does not outlive the timeout") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (connection.send("x")) {
    }
  });
  Client client;
  Call call = post_call(server.url(), "x");
  call.timeout = 100ms;
  // A million single bytes on loopback may also just arrive; then it is a whole answer.
  const CallResult result = call_and_wait(client.lane, *client.channel, call);
  CHECK((result.transport.has_value() || result.transport.error().code == ErrorCode::timeout));
}

TEST_CASE("HttpClient: a large answer is cut, its rest read, the connection kept") {
  RawServer server(always(200, nullptr, "", std::string(300'000, 'y')));
  Client client;
  const CallResult result = client.post(server.url());
  CHECK(result.status == 200);
  CHECK(result.body.size() == 64 * 1024);
  CHECK(client.post(server.url()).status == 200);
  CHECK(server.accepted() == 1);
}

TEST_CASE("HttpClient: an endless answer is ended, with its status") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'z') + "\r\n";
    while (connection.send(chunk)) {
    }
  });
  Client client;
  const CallResult result = client.post(server.url());
  REQUIRE(result.transport.has_value());
  CHECK(result.status == 200);
  CHECK(result.body.size() == 64 * 1024);
}

TEST_CASE("HttpClient: headers of a 1xx answer are not the answer's") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n");
    connection.answer(200, "X-Late: 1\r\n");
    connection.hang();
  });
  Client client;
  const CallResult result = client.post(server.url());
  CHECK(result.header("x-late") == "1");
  CHECK(result.header("x-early").empty());
}

TEST_CASE("HttpClient: a connection that the server closed while idle is replaced unnoticed") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.answer(204);
  });
  Client client;
  for (int i = 0; i < 5; ++i) {
    CHECK(client.post(server.url()).status == 204);
  }
  CHECK(server.accepted() == 5);
}

TEST_CASE("HttpClient: a server that closes an idle connection wakes the lane once") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.answer(204);
  });
  Client client;
  REQUIRE(client.post(server.url()).status == 204);
  client.lane.run_for(std::chrono::milliseconds(50));  // it closes
  const uint64_t before = client.lane.turns();
  client.lane.run_for(std::chrono::milliseconds(100));
  CHECK(client.lane.turns() - before < 5);
  CHECK(client.post(server.url()).status == 204);
}

TEST_CASE("HttpClient: nothing of a call is left for the next one") {
  Seen seen;
  RawServer server(always(200, &seen));
  Client client;
  Call write = post_call(server.url("/write?a=b"), "body");
  write.headers = {{"X-One", "1"}, {"Content-Type", "text/plain"}};
  Call read = post_call(server.url("/read"), "");
  read.method = "GET";
  read.headers = {{"X-Two", "2"}};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(call_and_wait(client.lane, *client.channel, write).status == 200);
    REQUIRE(call_and_wait(client.lane, *client.channel, read).status == 200);
    read.headers.back().second = "3";
  }
  for (size_t i = 0; i < 6; i += 2) {
    CHECK(seen[i].starts_with("POST /write?a=b "));
    CHECK(contains(seen[i], "X-One: 1"));
    CHECK(contains(seen[i], "Content-Length: 4"));
    CHECK_FALSE(contains(seen[i], "X-Two"));
    CHECK(seen[i + 1].starts_with("GET /read "));
    CHECK(contains(seen[i + 1], i == 0 ? "X-Two: 2" : "X-Two: 3"));
    CHECK_FALSE(contains(seen[i + 1], "X-One"));
    CHECK_FALSE(contains(seen[i + 1], "Content-"));
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("HttpClient: redirects keep method, body and headers") {
  for (const int status : {301, 302, 307, 308}) {
    Seen seen;
    RawServer server([&seen, status](RawConnection& connection) {
      for (std::string request; !(request = connection.read_request()).empty();) {
        seen.add(request);
        if (request.starts_with("POST /old ")) {
          connection.answer(status, "Location: /new\r\n");
        } else {
          connection.answer(204);
        }
      }
    });
    HttpClientConfig config;
    config.authorization = Authorization{"Bearer", Secret{"t0ken"}, ""};
    Client client(config);
    CHECK(client.post(server.url("/old"), "data").status == 204);
    REQUIRE(seen.size() == 2);
    CHECK(seen[1].starts_with("POST /new "));
    CHECK(contains(seen[1], "Authorization: Bearer t0ken\r\n"));
    CHECK(seen[1].ends_with("\r\n\r\ndata"));
  }
}

TEST_CASE("HttpClient: 303 is followed by a read only; follow_redirects: false follows none") {
  RawServer server([](RawConnection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      if (contains(request, " /old ")) {
        connection.answer(303, "Location: /new\r\n");
      } else {
        connection.answer(204);
      }
    }
  });
  Client client;
  Call call = post_call(server.url("/old"), "data");
  CHECK(call_and_wait(client.lane, *client.channel, call).status == 303);
  call.method = "GET";
  call.body = {};
  CHECK(call_and_wait(client.lane, *client.channel, call).status == 204);
  HttpClientConfig config;
  config.follow_redirects = false;
  Client plain(config);
  CHECK(call_and_wait(plain.lane, *plain.channel, call).status == 303);
}

TEST_CASE("HttpClient: credentials do not follow to another host") {
  Seen seen;
  RawServer other(always(204, &seen));
  RawServer server(
      always(307, nullptr, fmt::format("Location: http://localhost:{}/there\r\n", other.port())));
  HttpClientConfig config;
  config.basic_auth = BasicAuth{"user", "", Secret{"pass"}, ""};
  config.headers = {{"X-Api-Key", "secret"}};
  Client client(config);
  CHECK(client.post(server.url()).status == 204);
  CHECK(seen[0].starts_with("POST /there "));
  CHECK_FALSE(contains(seen[0], "Authorization"));
  CHECK_FALSE(contains(seen[0], "X-Api-Key"));
}

TEST_CASE("HttpClient: redirects in a circle and to strange places end") {
  RawServer circle(always(302, nullptr, "Location: /again\r\n"));
  Client client;
  const CallResult result = client.post(circle.url());
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(contains(result.transport.error().message, "more than 10 redirects"));
  RawServer strange(always(302, nullptr, "Location: file:///etc/passwd\r\n"));
  CHECK(client.post(strange.url()).status == 302);
}

TEST_CASE("HttpClient: a cancelled call does not call back, and its server sees it go") {
  std::atomic<bool> gone{false};
  RawServer server([&gone](RawConnection& connection) {
    connection.read_request();
    connection.hang();
    gone = true;
  });
  Client client;
  bool called = false;
  const CallId id = client.channel->call(post_call(server.url(), "x"),
                                         [&called](const CallResult&) { called = true; });
  REQUIRE(client.lane.run_until([&] { return server.accepted() == 1; }));
  client.channel->cancel(id);
  client.channel->cancel(id);
  REQUIRE(client.lane.run_until([&] { return gone.load(); }));
  CHECK_FALSE(called);
}

TEST_CASE("HttpClient: a channel destroyed with calls under way calls nobody") {
  RawServer server([](RawConnection& connection) { connection.hang(); });
  Client client;
  bool called = false;
  for (int i = 0; i < 3; ++i) {
    client.channel->call(post_call(server.url(), "x"),
                         [&called](const CallResult&) { called = true; });
  }
  REQUIRE(client.lane.run_until([&] { return server.accepted() == 3; }));
  client.channel.reset();
  client.lane.run_for(20ms);
  CHECK_FALSE(called);
}

TEST_CASE("HttpClient: a callback may destroy the channel and make new calls before") {
  RawServer server(always(204));
  Client client;
  int answers = 0;
  client.channel->call(post_call(server.url(), "1"), [&](const CallResult&) {
    ++answers;
    client.channel->call(post_call(server.url(), "2"), [&](const CallResult&) {
      ++answers;
      client.channel.reset();
    });
  });
  client.channel->call(post_call(server.url(), "3"), [&](const CallResult&) { ++answers; });
  REQUIRE(client.lane.run_until([&] { return client.channel == nullptr; }));
  CHECK(answers >= 2);
}

TEST_CASE("HttpClient: what would break out of a header is refused before anything is sent") {
  RawServer server(always(204));
  Client client;
  Call call = post_call(server.url(), "x");
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>{"X-Scope-OrgID", "a\r\nX-Evil: 1"},
        {"X-Scope-OrgID", std::string("a\0b", 3)},
        {"X Scope", "a"},
        {"", "a"},
        {"X:Y", "a"}}) {
    call.headers = {{name, value}};
    const CallResult result = call_and_wait(client.lane, *client.channel, call);
    REQUIRE_FALSE(result.transport.has_value());
    CHECK(result.transport.error().code == ErrorCode::invalid);
  }
  call.headers.clear();
  call.url = "ftp://host/";
  CHECK_FALSE(call_and_wait(client.lane, *client.channel, call).transport.has_value());
  CHECK(server.accepted() == 0);
}

TEST_CASE("HttpClient: an empty header value is sent as such") {
  Seen seen;
  RawServer server(always(204, &seen));
  Client client;
  Call call = post_call(server.url(), "x");
  call.headers = {{"X-Empty", ""}};
  CHECK(call_and_wait(client.lane, *client.channel, call).status == 204);
  CHECK(contains(seen[0], "\r\nX-Empty:\r\n"));
}

TEST_CASE("HttpClient: configured headers, which the call's own go before") {
  Seen seen;
  RawServer server(always(204, &seen));
  HttpClientConfig config;
  config.headers = {{"X-Scope-OrgID", "from-config"}, {"User-Agent", "mine"}, {"X-More", "1"}};
  Client client(config);
  Call call = post_call(server.url(), "x");
  call.headers = {{"x-scope-orgid", "from-call"}};
  CHECK(call_and_wait(client.lane, *client.channel, call).status == 204);
  CHECK(contains(seen[0], "x-scope-orgid: from-call\r\n"));
  CHECK_FALSE(contains(seen[0], "from-config"));
  CHECK(contains(seen[0], "X-More: 1\r\n"));
  CHECK(contains(seen[0], "User-Agent: mine\r\n"));
  CHECK_FALSE(contains(seen[0], "tailrace/"));
}
