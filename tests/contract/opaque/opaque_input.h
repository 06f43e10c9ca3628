#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/input.h"
#include "tailrace/plugin.h"

namespace tailrace::contract {

struct OpaqueInputConfig {
  std::string listen;
  ByteSize max_body{1 << 20};
  Duration reply_timeout = std::chrono::seconds(10);
  std::vector<ListenAddress> listens() const;
};
const Schema& opaque_input_schema();

/// Receives bodies of messages by POST and answers when their fate is known: 204 settled, 400
/// refused, 429 no room, 503 try again. A body is checked completely before a byte is handed over.
///
/// Memory: a body's bytes are reserved before it is read, until it is handed over.
class OpaqueInput final : public Input, private HttpHandler {
 public:
  OpaqueInput(std::shared_ptr<const OpaqueInputConfig> config, InputContext& context);
  ~OpaqueInput() override;

  Status open() override;
  void start() override;
  void stop() override;
  void on_credit() override {}  // clients come again by themselves

 private:
  class Reply;
  uint64_t on_head(const std::shared_ptr<HttpExchange>& exchange) override;
  void on_body(const std::shared_ptr<HttpExchange>& exchange, Bytes body, size_t size) override;
  void on_end(const std::shared_ptr<HttpExchange>& exchange) override;
  void answer(HttpExchange& exchange, int status, std::string_view why);
  void give_back(const HttpExchange* exchange);

  const std::shared_ptr<const OpaqueInputConfig> config_;
  InputContext& context_;
  std::map<const HttpExchange*, size_t> reserved_;  // bytes of bodies that are being read
  bool stopped_ = false;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace tailrace::contract
