#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "net/http_server.h"
#include "testkit/raw_server.h"
#include "testkit/recording_handler.h"
#include "testkit/uv_test_lane.h"

/// What the tests of the HTTP server share.
namespace tailrace::net {

using testkit::RawClient;
using testkit::RecordingHandler;
using Exchange = RecordingHandler::Exchange;
using Reason = ServerRefusal::Reason;

/// A server on a real lane, with a handler that tells what came.
struct Server {
  testkit::UvTestLane lane;
  RecordingHandler handler;
  std::unique_ptr<HttpServer> http;

  explicit Server(HttpServerConfig config = {}, bool reuse_port = false) {
    config.listen = config.listen.empty() ? "127.0.0.1:0" : config.listen;
    auto made = make_http_server(lane.lane(), config, handler, reuse_port);
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

/// The text of a POST; `more` is lines of its head.
inline std::string post(const std::string& path, const std::string& body,
                        const std::string& more = {}) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}", path,
                     body.size(), more, body);
}

inline bool has_part(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace tailrace::net
