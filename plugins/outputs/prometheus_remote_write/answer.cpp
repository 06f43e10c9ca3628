#include "plugins/outputs/prometheus_remote_write/answer.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "codec/header_text.h"
#include "codec/retry_after.h"
#include "codec/utf8.h"

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::WriteVersion;

namespace {

constexpr size_t kDetailBytes = 500;

/// The start of the answer's body, in one line.
std::string start_of(std::string_view body) {
  std::string out;
  codec::append_valid_utf8(out, body.substr(0, kDetailBytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  while (!out.empty() && out.back() == ' ') {
    out.pop_back();
  }
  return out;
}

std::optional<uint64_t> number(const CallResult& result, std::string_view header) {
  const std::string_view text = result.header(codec::lower_case(header));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// Samples and histograms that the receiver says it has written; nothing when it says nothing.
std::optional<uint64_t> written(const CallResult& result) {
  const auto samples = number(result, common::prom::kSamplesWrittenHeader);
  const auto histograms = number(result, common::prom::kHistogramsWrittenHeader);
  const auto exemplars = number(result, common::prom::kExemplarsWrittenHeader);
  if (!samples && !histograms && !exemplars) {
    return std::nullopt;
  }
  return samples.value_or(0) + histograms.value_or(0);
}

Answer of_status(Answer::Kind kind, const CallResult& result) {
  Answer answer;
  answer.kind = kind;
  answer.reason = fmt::format("http_{}", result.status);
  answer.detail = fmt::format("{} {}", result.status, start_of(result.body));
  return answer;
}

Answer retry(const CallResult& result, const AnswerContext& context) {
  Answer answer = of_status(Answer::Kind::retry, result);
  answer.retry_after = codec::parse_retry_after(result.header("retry-after"), context.wall_ns)
                           .value_or(answer.retry_after);
  return answer;
}

Answer bad_request(const CallResult& result, const AnswerContext& context) {
  if (const auto count = written(result); count && context.version == WriteVersion::v2) {
    if (*count >= context.rows) {
      return Answer();
    }
    Answer answer = of_status(*count == 0 ? Answer::Kind::refused : Answer::Kind::partly, result);
    // A record of which a row is missing counts as refused.
    const uint64_t missing = context.rows - *count;
    answer.refused = (context.records * missing + context.rows - 1) / context.rows;
    return answer;
  }
  return of_status(Answer::Kind::blame_source, result);
}

}  // namespace

Answer read_write_answer(const CallResult& result, const AnswerContext& context) {
  if (!result.transport) {
    Answer answer;
    answer.kind = Answer::Kind::retry;
    answer.reason = to_string(result.transport.error().code);
    answer.detail = result.transport.error().message;
    return answer;
  }
  const int status = result.status;
  if (status >= 200 && status < 300) {
    if (context.version == WriteVersion::v2 && context.records > 0 && !written(result)) {
      Answer answer = of_status(Answer::Kind::unknown_format, result);
      answer.reason = "nothing_written";
      answer.detail =
          "the server took the request but does not say that it wrote anything: it "
          "does not know remote write 2.0";
      return answer;
    }
    return Answer();
  }
  if (status >= 400 && status < 500) {
    switch (status) {
      case 400:
        return bad_request(result, context);
      case 413:
        return of_status(Answer::Kind::too_large, result);
      case 415:
        return of_status(context.version == WriteVersion::v2 ? Answer::Kind::unknown_format
                                                             : Answer::Kind::refused,
                         result);
      case 429: {
        if (!context.retry_on_429) {
          return of_status(Answer::Kind::refused, result);
        }
        Answer answer = retry(result, context);
        answer.tenant_only = true;
        return answer;
      }
      default:
        return of_status(Answer::Kind::refused, result);
    }
  }
  // 5xx, and what is no answer of HTTP's for a request like this one.
  return retry(result, context);
}

}  // namespace tailrace::outputs::prometheus_remote_write
