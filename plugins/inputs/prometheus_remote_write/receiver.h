#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/input.h"

#include "codec/padded_bytes.h"
#include "plugins/common/prom/write_reader.h"
#include "plugins/common/receiver/reply_book.h"
#include "plugins/common/receiver/reservation.h"
#include "plugins/inputs/prometheus_remote_write/batch_filler.h"
#include "plugins/inputs/prometheus_remote_write/receiver_config.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::receiver::Reply;
using common::receiver::ReplyBook;
using common::receiver::Reservation;

/// Receives Prometheus's remote write, 1.0 and 2.0.
///
/// Shape:    HTTP bodies in; MetricBatches of some thousand samples out, all of a body with one
///           receipt, which is the client's answer.
/// Lifetime: a body is held (and its memory reserved) until it is pushed, then only its receipt.
/// Lane:     every lane listens on the same port; a connection stays with its lane.
/// Errors:   a body is taken as a whole or refused as a whole: 400, 413, 415 for what is wrong with
///           it, 429 and 503 with Retry-After for what is only a matter of time.
/// Source:   remote write 1.0 and 2.0; wire-facts section 5.
class Receiver final : public Input, private HttpHandler {
 public:
  Receiver(std::shared_ptr<const ReceiverConfig> config, InputContext& context);
  ~Receiver() override;

  Status open() override;
  void start() override;
  void stop() override;
  /// Nobody waits here: a client that found no credit was told to come again.
  void on_credit() override {}
  std::vector<SourceStatus> sources() const override;
  void update_gauges() override;

 private:
  using ExchangePtr = std::shared_ptr<HttpExchange>;
  /// A body that was unpacked and found good.
  struct Checked {
    common::prom::WriteVersion version;
    codec::PaddedBytes body;
    common::prom::WriteTotals totals;
  };

  uint64_t on_head(const ExchangePtr& exchange) override;
  void on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) override;
  void on_end(const ExchangePtr& exchange) override;

  Result<Checked> check(const HttpRequestHead& head, std::string_view body, Reservation& memory);
  void take(const ExchangePtr& exchange, const Checked& checked, size_t body_size);
  void push(uint64_t source_bytes, Receipt* receipt);
  void reply(HttpExchange& exchange, Reply answer);
  void refuse(HttpExchange& exchange, Reply answer, std::string_view reason);

  std::shared_ptr<const ReceiverConfig> config_;
  InputContext& context_;
  common::prom::WriteReader reader_;
  BatchFiller filler_;
  FamilyBook families_;
  /// Bodies on their way in: what was reserved for them.
  std::unordered_map<const HttpExchange*, Reservation> incoming_;
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

}  // namespace tailrace::inputs::prometheus_remote_write
