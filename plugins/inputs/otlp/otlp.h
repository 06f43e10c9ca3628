#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/input.h"
#include "tailrace/otlp_batch.h"

#include "codec/growing_buffer.h"
#include "codec/padded_bytes.h"
#include "plugins/common/otlp/json_request.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/receiver/body_receiver.h"
#include "plugins/inputs/otlp/body_form.h"
#include "plugins/inputs/otlp/otlp_config.h"

namespace tailrace::inputs::otlp {

using common::receiver::BodyReceiver;
using common::receiver::Reply;
using common::receiver::Reservation;

/// Receives OpenTelemetry's traces, logs and metrics.
///
/// Shape:    export requests in, as protobuf or JSON; of each one OtlpBatch whose resources are the
///           bytes as they came, with one receipt, which is the client's answer.
/// Errors:   a request is taken as a whole or refused as a whole (400, 413, 415; 429 and 503 with
///           Retry-After for what is only a matter of time), but for records whose ids a backend
///           would not take: the client is told of them by partial success.
/// Source:   OTLP specification 1.x; wire-facts section 6.
class OtlpInput final : public BodyReceiver {
 public:
  OtlpInput(std::shared_ptr<const OtlpInputConfig> config, InputContext& context);
  ~OtlpInput() override;

  Status open() override;

 private:
  /// A body as protobuf; `bytes` or json_bytes_ own it.
  struct Unpacked {
    codec::PaddedBytes bytes;
    std::string_view body;
  };

  bool is_ready_path(std::string_view path) const override { return path == "/ready"; }
  bool is_body_path(std::string_view path) const override;
  std::string_view what() const override { return "an export request"; }
  std::string_view where() const override {
    return "OTLP goes to /v1/traces, /v1/logs and /v1/metrics";
  }
  bool answers_itself(HttpExchange& exchange) override;
  Status check_head(const HttpRequestHead& head) const override;
  void on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                     Reservation& memory) override;
  void release_scratch() override;
  int status_of(ErrorCode code) const override;
  void send(HttpExchange& exchange, const Reply& answer, Headers headers) override;
  void send_http(HttpExchange& exchange, const Reply& answer, Headers headers) const;
  static void send_grpc(HttpExchange& exchange, const Reply& answer);

  Result<Unpacked> unpack(Signal signal, const HttpRequestHead& head, Bytes body_and_padding,
                          size_t body_size, Reservation& memory);
  Status convert_json(Signal signal, std::string_view json, Reservation& memory);
  static Status make_room_for_views(size_t resources, Reservation& memory);
  Status make_room_for_copies(Reservation& memory) const;
  void take(const ExchangePtr& exchange, Signal signal, size_t body_size);
  void push(Signal signal, Receipt* receipt);

  std::shared_ptr<const OtlpInputConfig> config_;
  common::otlp::RequestChecker checker_;
  common::otlp::JsonRequestReader json_reader_;
  codec::GrowingBuffer json_bytes_;
  std::string kept_;  // of resources that have lost records
  Counter& refused_records_;
};

}  // namespace tailrace::inputs::otlp
