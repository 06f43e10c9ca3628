#include "plugins/common/otlp/service.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/grpc.h"

#include "codec/json_text.h"
#include "codec/proto_reader.h"
#include "codec/proto_writer.h"
#include "codec/utf8.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp {

namespace {

struct Service {
  Signal signal;
  std::string_view path;
  std::string_view method;
  std::string_view rejected;  // of the JSON response
};
constexpr Service kServices[] = {
    {Signal::traces, "/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
     "rejectedSpans"},
    {Signal::logs, "/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
     "rejectedLogRecords"},
    {Signal::metrics, "/v1/metrics",
     "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "rejectedDataPoints"},
};

const Service& service_of(Signal signal) noexcept {
  return *std::find_if(std::begin(kServices), std::end(kServices),
                       [&](const Service& service) { return service.signal == signal; });
}

// google.protobuf.Any, google.rpc.RetryInfo, google.protobuf.Duration.
constexpr uint32_t kAnyTypeUrl = 1;
constexpr uint32_t kAnyValue = 2;
constexpr uint32_t kRetryDelay = 1;
constexpr uint32_t kSeconds = 1;
constexpr uint32_t kNanos = 2;
constexpr std::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

void add_varint(std::string& to, uint32_t field, uint64_t value) {
  char room[2 * codec::kMaxVarintBytes];
  to.append(room, codec::write_varint_field(room, field, value));
}
void add_bytes(std::string& to, uint32_t field, std::string_view content) {
  char room[2 * codec::kMaxVarintBytes];
  to.append(room, codec::write_bytes_header(room, field, content.size()));
  to.append(content);
}
/// A protobuf string must be UTF-8.
void add_text(std::string& to, uint32_t field, std::string_view text) {
  if (!text.empty()) {
    std::string valid;
    codec::append_valid_utf8(valid, text);
    add_bytes(to, field, valid);
  }
}

std::optional<std::chrono::milliseconds> decode_retry_info(std::string_view info) {
  codec::ProtoReader reader(info);
  std::optional<std::chrono::milliseconds> delay;
  while (reader.next()) {
    if (reader.field() != kRetryDelay) {
      reader.skip();
      continue;
    }
    int64_t seconds = 0;
    int64_t nanos = 0;
    codec::ProtoReader duration(reader.bytes());
    while (duration.next()) {
      switch (duration.field()) {
        case kSeconds:
          seconds = static_cast<int64_t>(duration.varint());
          break;
        case kNanos:
          nanos = static_cast<int64_t>(duration.varint());
          break;
        default:
          duration.skip();
      }
    }
    // At most an hour, as with Retry-After: whatever asks for more is asked again in between.
    seconds = std::clamp<int64_t>(seconds, 0, 3600);
    nanos = std::clamp<int64_t>(nanos, 0, 999'999'999);
    delay = std::chrono::milliseconds(seconds * 1000 + nanos / 1'000'000);
  }
  return reader.ok() ? delay : std::nullopt;
}

std::optional<std::chrono::milliseconds> decode_detail(std::string_view any) {
  codec::ProtoReader reader(any);
  std::string_view type;
  std::string_view value;
  while (reader.next()) {
    switch (reader.field()) {
      case kAnyTypeUrl:
        type = reader.bytes();
        break;
      case kAnyValue:
        value = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  return reader.ok() && type.ends_with("/google.rpc.RetryInfo") ? decode_retry_info(value)
                                                                : std::nullopt;
}

}  // namespace

std::string_view http_path(Signal signal) noexcept {
  return service_of(signal).path;
}

std::string_view grpc_method(Signal signal) noexcept {
  return service_of(signal).method;
}

std::optional<Signal> signal_of(std::string_view path_or_method) noexcept {
  for (const Service& service : kServices) {
    if (path_or_method == service.path || path_or_method == service.method) {
      return service.signal;
    }
  }
  return std::nullopt;
}

std::string encode_response(const PartialSuccess& partial) {
  std::string out;
  if (!partial.empty()) {
    std::string inside;
    if (partial.rejected > 0) {
      add_varint(inside, response::kRejected, partial.rejected);
    }
    add_text(inside, response::kErrorMessage, partial.message);
    add_bytes(out, response::kPartialSuccess, inside);
  }
  return out;
}

std::string response_json(Signal signal, const PartialSuccess& partial) {
  if (partial.empty()) {
    return R"({"partialSuccess":{}})";
  }
  // A 64-bit number is a string in protobuf's JSON.
  std::string out = fmt::format(R"({{"partialSuccess":{{"{}":"{}","errorMessage":)",
                                service_of(signal).rejected, partial.rejected);
  codec::append_json_string(out, partial.message);
  return out + "}}";
}

std::optional<PartialSuccess> decode_response(std::string_view body) {
  PartialSuccess partial;
  codec::ProtoReader reader(body);
  while (reader.next()) {
    if (reader.field() != response::kPartialSuccess) {
      reader.skip();
      continue;
    }
    codec::ProtoReader inside(reader.bytes());
    while (inside.next()) {
      switch (inside.field()) {
        case response::kRejected: {
          const auto rejected = static_cast<int64_t>(inside.varint());
          partial.rejected = rejected > 0 ? static_cast<uint64_t>(rejected) : 0;
          break;
        }
        case response::kErrorMessage:
          partial.message = inside.bytes();
          break;
        default:
          inside.skip();
      }
    }
    if (!inside.ok()) {
      return std::nullopt;
    }
  }
  return reader.ok() ? std::optional(std::move(partial)) : std::nullopt;
}

std::string encode_status(const RpcStatus& status) {
  std::string out;
  add_varint(out, status::kCode, static_cast<uint64_t>(status.code));
  add_text(out, status::kMessage, status.message);
  if (status.retry_delay) {
    const auto ms = static_cast<uint64_t>(status.retry_delay->count());
    std::string duration;
    add_varint(duration, kSeconds, ms / 1000);
    add_varint(duration, kNanos, ms % 1000 * 1'000'000);
    std::string info;
    add_bytes(info, kRetryDelay, duration);
    std::string any;
    add_bytes(any, kAnyTypeUrl, kRetryInfoUrl);
    add_bytes(any, kAnyValue, info);
    add_bytes(out, status::kDetails, any);
  }
  return out;
}

std::string status_json(const RpcStatus& status) {
  std::string out = fmt::format(R"({{"code":{},"message":)", status.code);
  codec::append_json_string(out, status.message);
  return out + "}";
}

std::optional<RpcStatus> decode_status(std::string_view body) {
  RpcStatus status;
  codec::ProtoReader reader(body);
  while (reader.next()) {
    switch (reader.field()) {
      case status::kCode:
        status.code = static_cast<int>(reader.varint());
        break;
      case status::kMessage:
        status.message = reader.bytes();
        break;
      case status::kDetails:
        if (const auto delay = decode_detail(reader.bytes())) {
          status.retry_delay = delay;
        }
        break;
      default:
        reader.skip();
    }
  }
  return reader.ok() ? std::optional(std::move(status)) : std::nullopt;
}

int rpc_code_of(int http_status) noexcept {
  switch (http_status) {
    case 404:
    case 405:
      return grpc_code::kUnimplemented;
    case 413:
    case 429:
      return grpc_code::kResourceExhausted;
    case 503:
      return grpc_code::kUnavailable;
    default:
      return http_status < 400   ? grpc_code::kOk
             : http_status < 500 ? grpc_code::kInvalidArgument
                                 : grpc_code::kInternal;
  }
}

}  // namespace tailrace::common::otlp
