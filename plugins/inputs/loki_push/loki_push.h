#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/input.h"

#include "plugins/common/loki/push_reader.h"
#include "plugins/common/receiver/reply_book.h"
#include "plugins/inputs/loki_push/body_unpacker.h"
#include "plugins/inputs/loki_push/loki_push_config.h"
#include "plugins/inputs/loki_push/push_head.h"

namespace tailrace::inputs::loki_push {

using common::receiver::Reply;
using common::receiver::ReplyBook;

/// Receives Loki's push API.
///
/// Shape:    HTTP bodies in; one LogBatch per stream and about 128 KiB out, all of a body with one
///           receipt, which is the client's answer.
/// Lifetime: a body is held (and its memory reserved) until it is pushed, then only its receipt.
/// Lane:     every lane listens on the same port; a connection stays with its lane.
/// Errors:   a body is taken as a whole or refused as a whole: 400, 413, 422 for what is wrong with
///           it, 429 and 503 with Retry-After for what is only a matter of time.
/// Source:   Loki HTTP API, POST /loki/api/v1/push; wire-facts section 2.
class LokiPushInput final : public Input, private HttpHandler {
 public:
  LokiPushInput(std::shared_ptr<const LokiPushConfig> config, InputContext& context);
  ~LokiPushInput() override;

  Status open() override;
  void start() override;
  void stop() override;
  /// Nobody waits here: a client that found no credit was told to come again.
  void on_credit() override {}
  std::vector<SourceStatus> sources() const override;
  void update_gauges() override;

 private:
  using ExchangePtr = std::shared_ptr<HttpExchange>;

  uint64_t on_head(const ExchangePtr& exchange) override;
  void on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) override;
  void on_end(const ExchangePtr& exchange) override;

  Result<codec::PaddedBytes> check(const HttpRequestHead& head, Bytes body_and_padding,
                                   size_t body_size, Reservation& memory,
                                   tailrace::loki::PushFormat& format,
                                   tailrace::loki::PushTotals& totals);
  void take(const ExchangePtr& exchange, tailrace::loki::PushFormat format, std::string_view body,
            size_t body_size);
  void push_chunk(tailrace::loki::PushChunk& chunk, std::string_view tenant, Receipt* receipt);
  void reply(HttpExchange& exchange, const Reply& reply);
  void refuse(HttpExchange& exchange, const Reply& reply, std::string_view reason);

  std::shared_ptr<const LokiPushConfig> config_;
  InputContext& context_;
  tailrace::loki::PushReader reader_;
  /// Bodies on their way in: what was reserved for them.
  std::unordered_map<const HttpExchange*, Reservation> incoming_;
  std::vector<Label> labels_;
  std::shared_ptr<ReplyBook> replies_;
  bool stopping_ = false;
  uint64_t taken_bytes_ = 0;

  Counter& bodies_;
  Counter& body_bytes_;
  std::map<int, Counter*> replied_;
  Gauge& waiting_gauge_;
  Gauge& incoming_gauge_;
  std::unique_ptr<HttpServer> server_;  // goes first: its end ends all exchanges
};

}  // namespace tailrace::inputs::loki_push
