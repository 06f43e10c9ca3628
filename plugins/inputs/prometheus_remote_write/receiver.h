#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tailrace/http.h"
#include "tailrace/input.h"

#include "codec/padded_bytes.h"
#include "plugins/common/prom/write_reader.h"
#include "plugins/common/receiver/body_receiver.h"
#include "plugins/inputs/prometheus_remote_write/batch_filler.h"
#include "plugins/inputs/prometheus_remote_write/receiver_config.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::receiver::BodyReceiver;
using common::receiver::Reply;
using common::receiver::Reservation;

/// Receives Prometheus's remote write, 1.0 and 2.0.
///
/// Shape:    HTTP bodies in; MetricBatches of some thousand samples out, all of a body with one
///           receipt, which is the client's answer.
/// Errors:   a body is taken as a whole or refused as a whole: 400, 413, 415 for what is wrong with
///           it, 429 and 503 with Retry-After for what is only a matter of time.
/// Source:   remote write 1.0 and 2.0; wire-facts section 5.
class Receiver final : public BodyReceiver {
 public:
  Receiver(std::shared_ptr<const WriteReceiverConfig> config, InputContext& context);
  ~Receiver() override;

 private:
  /// A body that was unpacked and found good.
  struct Checked {
    common::prom::WriteVersion version;
    codec::PaddedBytes body;
    common::prom::WriteTotals totals;
  };

  bool is_ready_path(std::string_view path) const override;
  bool is_body_path(std::string_view path) const override;
  std::string_view what() const override { return "remote write"; }
  std::string_view where() const override { return "remote write goes to /api/v1/write"; }
  Status check_head(const HttpRequestHead& head) const override;
  void on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                     Reservation& memory) override;
  void release_scratch() override;
  int status_of(ErrorCode code) const override;
  /// Prometheus gives up by itself what was answered 429, and sends again what was answered 503.
  int unsettled_status() const override { return 503; }
  Headers error_headers(const HttpRequestHead& head) const override;

  Result<Checked> check(const HttpRequestHead& head, std::string_view body, Reservation& memory);
  void take(const ExchangePtr& exchange, const Checked& checked, size_t body_size);
  void push(uint64_t source_bytes, Receipt* receipt);

  std::shared_ptr<const WriteReceiverConfig> config_;
  common::prom::WriteReader reader_;
  BatchFiller filler_;
  FamilyBook families_;
};

}  // namespace tailrace::inputs::prometheus_remote_write
