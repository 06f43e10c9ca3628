#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/input.h"

#include "plugins/common/loki/push_reader.h"
#include "plugins/common/receiver/body_receiver.h"
#include "plugins/inputs/loki_push/body_unpacker.h"
#include "plugins/inputs/loki_push/loki_push_config.h"
#include "plugins/inputs/loki_push/push_head.h"

namespace tailrace::inputs::loki_push {

using common::receiver::BodyReceiver;

/// Receives Loki's push API.
///
/// Shape:    HTTP bodies in; one LogBatch per stream and about 128 KiB out, all of a body with one
///           receipt, which is the client's answer.
/// Errors:   a body is taken as a whole or refused as a whole: 400, 413, 422 for what is wrong with
///           it, 429 and 503 with Retry-After for what is only a matter of time.
/// Source:   Loki HTTP API, POST /loki/api/v1/push; wire-facts section 2.
class LokiPushInput final : public BodyReceiver {
 public:
  LokiPushInput(std::shared_ptr<const LokiPushConfig> config, InputContext& context);
  ~LokiPushInput() override;

 private:
  bool is_ready_path(std::string_view path) const override;
  bool is_body_path(std::string_view path) const override;
  std::string_view what() const override { return "logs"; }
  std::string_view where() const override { return "logs are pushed to /loki/api/v1/push"; }
  Status check_head(const HttpRequestHead& head) const override;
  void on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                     Reservation& memory) override;
  void release_scratch() override;

  Result<codec::PaddedBytes> check(const HttpRequestHead& head, Bytes body_and_padding,
                                   size_t body_size, Reservation& memory,
                                   tailrace::loki::PushFormat& format,
                                   tailrace::loki::PushTotals& totals);
  void take(const ExchangePtr& exchange, tailrace::loki::PushFormat format, std::string_view body,
            size_t body_size);
  void push_chunk(tailrace::loki::PushChunk& chunk, std::string_view tenant, Receipt* receipt);

  std::shared_ptr<const LokiPushConfig> config_;
  tailrace::loki::PushReader reader_;
  std::vector<Label> labels_;
};

}  // namespace tailrace::inputs::loki_push
