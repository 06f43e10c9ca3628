#include "plugins/outputs/otlp/answer.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/format.h>

#include "tailrace/grpc.h"

#include "codec/retry_after.h"
#include "codec/utf8.h"
#include "plugins/common/otlp/service.h"

namespace tailrace::outputs::otlp {

namespace {

/// Somebody must mend something: there is no point in asking every second.
constexpr std::chrono::milliseconds kForAPerson = std::chrono::seconds(30);
constexpr size_t kDetailBytes = 500;

/// The start of a text, in one line.
std::string start_of(std::string_view text) {
  std::string out;
  codec::append_valid_utf8(out, text.substr(0, kDetailBytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  while (!out.empty() && out.back() == ' ') {
    out.pop_back();
  }
  return out;
}

bool is_of_type(const CallResult& result, std::string_view type) {
  return result.header("content-type").starts_with(type);
}

/// What the server says of an error: the message of its google.rpc.Status, or its text.
std::string message_of(const CallResult& result) {
  if (is_of_type(result, common::otlp::kProtobufType)) {
    if (const auto status = common::otlp::decode_status(result.body)) {
      return start_of(status->message);
    }
  }
  return start_of(result.body);
}

Answer of_status(Answer::Kind kind, const CallResult& result) {
  Answer answer;
  answer.kind = kind;
  answer.reason = fmt::format("http_{}", result.status);
  const std::string message = message_of(result);
  answer.detail = fmt::format("{}{}{}", result.status, message.empty() ? "" : " ", message);
  return answer;
}

/// `wrong` is what the transport says of a server that speaks the other protocol, as those of ports
/// 4317 and 4318 do.
Answer not_answered(const CallResult& result, std::string_view wrong, std::string_view hint) {
  const Error& error = result.transport.error();
  Answer answer;
  answer.kind = Answer::Kind::retry;
  answer.reason = to_string(error.code);
  answer.detail = error.message;
  if (error.message.find(wrong) != std::string::npos) {
    answer.detail.append(" (").append(hint).append(")");
  }
  return answer;
}

/// What a success says beside that.
Answer partial_success(const CallResult& result, const AnswerContext& context) {
  Answer answer;
  const auto partial = common::otlp::decode_response(result.body);
  if (partial && !partial->empty()) {
    answer.detail = start_of(partial->message);
    answer.refused = std::min(partial->rejected, context.records);
    if (answer.refused > 0) {
      answer.kind = Answer::Kind::partly;
      answer.reason = "partial_success";
    }
  }
  return answer;
}

/// Servers refuse what is over their limit with RESOURCE_EXHAUSTED, which else means a quota.
bool says_too_large(std::string_view message) {
  return message.find("larger than max") != std::string_view::npos ||
         message.find("too large") != std::string_view::npos;
}

Answer success(const CallResult& result, const AnswerContext& context) {
  if (is_of_type(result, "text/html")) {
    Answer answer = of_status(Answer::Kind::retry, result);
    answer.reason = fmt::format("not_otlp_{}", result.status);
    answer.detail = "a web page instead of an OTLP server; check the endpoint: " + answer.detail;
    answer.retry_after = kForAPerson;
    return answer;
  }
  return is_of_type(result, common::otlp::kProtobufType) ? partial_success(result, context)
                                                         : Answer();
}

}  // namespace

Answer read_http_answer(const CallResult& result, const AnswerContext& context) {
  if (!result.transport) {
    return not_answered(result, "HTTP/0.9", "if this is a gRPC server: `protocol: grpc`");
  }
  if (result.status >= 200 && result.status < 300) {
    return success(result, context);
  }
  switch (result.status) {
    case 400:
      return of_status(context.parts > 1 ? Answer::Kind::blame_source : Answer::Kind::refused,
                       result);
    case 413:
      return of_status(Answer::Kind::too_large, result);
    case 429:
    case 502:
    case 503:
    case 504: {
      Answer answer = of_status(Answer::Kind::retry, result);
      answer.retry_after = codec::parse_retry_after(result.header("retry-after"), context.wall_ns)
                               .value_or(answer.retry_after);
      answer.tenant_only = result.status == 429;  // this signal's
      return answer;
    }
    default:
      return of_status(Answer::Kind::refused, result);
  }
}

Answer read_grpc_answer(const CallResult& result, const AnswerContext& context) {
  if (!result.transport) {
    return not_answered(result, "Failed parsing HTTP/2",
                        "if this is an HTTP server: `protocol: http`");
  }
  if (result.status == grpc_code::kOk) {
    return partial_success(result, context);
  }
  const auto details = common::otlp::decode_status(result.header(kGrpcStatusDetails));
  const auto retry_delay = details ? details->retry_delay : std::nullopt;
  const std::string_view message = result.header("grpc-message");
  Answer answer;
  answer.reason = fmt::format("grpc_{}", result.status);
  answer.detail = fmt::format("gRPC status {}: {}", result.status, start_of(message));
  switch (result.status) {
    case grpc_code::kCancelled:
    case grpc_code::kDeadlineExceeded:
    case grpc_code::kAborted:
    case grpc_code::kOutOfRange:
    case grpc_code::kUnavailable:
    case grpc_code::kDataLoss:
      answer.kind = Answer::Kind::retry;
      break;
    case grpc_code::kResourceExhausted:
      answer.kind = retry_delay               ? Answer::Kind::retry
                    : says_too_large(message) ? Answer::Kind::too_large
                                              : Answer::Kind::refused;
      answer.tenant_only = retry_delay.has_value();  // this signal's
      break;
    case grpc_code::kInvalidArgument:
      answer.kind = context.parts > 1 ? Answer::Kind::blame_source : Answer::Kind::refused;
      break;
    default:
      answer.kind = Answer::Kind::refused;
  }
  answer.retry_after = retry_delay.value_or(answer.retry_after);
  return answer;
}

}  // namespace tailrace::outputs::otlp
