#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/growing_body.h"
#include "tailrace/http.h"

namespace tailrace::testkit {

/// An HttpHandler that notes what happens, and answers as the test says.
class RecordingHandler final : public HttpHandler, public GrowingBodyHandler {
 public:
  using Exchange = std::shared_ptr<HttpExchange>;

  uint64_t limit = 1024 * 1024;
  uint64_t room = UINT64_MAX;  // for a body that does not say its size, its copies included
  uint64_t held = 0;           // by such a body
  std::function<void(const Exchange&)> head = [](const Exchange&) {};
  std::function<void(const Exchange&, const std::string& body)> body =
      [](const Exchange& exchange, const std::string&) { exchange->reply(204, {}, ""); };

  std::vector<Exchange> heads;
  std::vector<std::string> bodies;
  std::vector<const HttpExchange*> ends;

  uint64_t on_head(const Exchange& exchange) override {
    heads.push_back(exchange);
    held = 0;
    head(exchange);
    return exchange->replied() ? 0 : limit;
  }
  uint64_t on_growth(const Exchange& exchange, uint64_t least, uint64_t most) override {
    if (held + least > room) {
      exchange->reply(429, {}, "");
      return 0;
    }
    return held + most > room ? least : most;
  }
  void on_grown(const Exchange&, uint64_t now) override { held = now; }
  void on_body(const Exchange& exchange, Bytes bytes, size_t size) override {
    bodies.emplace_back(bytes.data(), size);
    padding_is_there = padding_is_there && bytes.size() >= size + 64;
    body(exchange, bodies.back());
  }
  void on_end(const Exchange& exchange) override { ends.push_back(exchange.get()); }

  void on_refused(const ServerRefusal& refusal) override { refusals.push_back(refusal); }
  /// Of each reason so many, those counted that were told as one.
  uint64_t refused(ServerRefusal::Reason reason) const {
    uint64_t times = 0;
    for (const ServerRefusal& refusal : refusals) {
      times += refusal.reason == reason ? refusal.times : 0;
    }
    return times;
  }
  std::vector<ServerRefusal> refusals;

  bool padding_is_there = true;
};

}  // namespace tailrace::testkit
