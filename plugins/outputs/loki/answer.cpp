#include "plugins/outputs/loki/answer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "codec/retry_after.h"
#include "codec/utf8.h"

namespace tailrace::outputs::loki {
namespace {

using std::chrono::milliseconds;

/// Somebody must mend something: there is no point in asking every second.
constexpr milliseconds kForAPerson = std::chrono::seconds(30);
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

/// A web page: whoever wrote it is not Loki (a proxy, a log-in form, another server).
bool is_web_page(const CallResult& result) {
  return result.header("content-type").starts_with("text/html");
}

/// Sum of the N in every "total ignored: N out of M" (one for each stream); 0 when there is none.
uint64_t ignored_entries(std::string_view body) {
  constexpr std::string_view kBefore = "total ignored: ";
  uint64_t sum = 0;
  for (size_t at = body.find(kBefore); at != std::string_view::npos; at = body.find(kBefore, at)) {
    at += kBefore.size();
    uint64_t n = 0;
    const auto [end, error] = std::from_chars(body.data() + at, body.data() + body.size(), n);
    if (error == std::errc() &&
        std::string_view(end, body.data() + body.size()).starts_with(" out of ")) {
      sum += n;
    }
  }
  return sum;
}

/// True for the texts in which Loki tells of single entries and streams.
/// Source: Loki pkg/validation/validate.go, pkg/ingester/stream.go.
bool names_an_entry(std::string_view body) {
  constexpr std::string_view kTexts[] = {
      "total ignored",  "entry ",  "entries ", "label",        "stream",
      "too far behind", "too old", "too new",  "out of order", "structured metadata"};
  return std::any_of(std::begin(kTexts), std::end(kTexts), [body](std::string_view text) {
    return body.find(text) != std::string_view::npos;
  });
}

class Reader {
 public:
  Reader(const CallResult& result, const AnswerContext& context)
      : result_(result), context_(context) {}

  Answer read() const {
    if (!result_.transport) {
      return answer(Answer::Kind::retry, to_string(result_.transport.error().code),
                    result_.transport.error().message);
    }
    const int status = result_.status;
    if (status >= 200 && status < 300) {
      return success();
    }
    if (status >= 400 && status < 500) {
      return client_error();
    }
    if (status >= 500 && status < 600) {
      Answer read = of_status(Answer::Kind::retry);
      read.retry_after = wait_or({});
      return read;
    }
    return not_loki("an answer that Loki never gives");
  }

 private:
  Answer success() const {
    switch (result_.status) {
      case 200:
      case 202:
      case 204:
        return is_web_page(result_) ? not_loki("a web page instead of Loki")
                                    : Answer{.kind = Answer::Kind::delivered};
      case 260: {
        // `block_ingestion_until`: a success by its number that stores nothing.
        Answer read = for_a_person("Loki blocks this tenant and stores nothing");
        read.tenant_only = true;
        return read;
      }
      default:
        return not_loki("a success that Loki never gives");
    }
  }

  Answer client_error() const {
    switch (result_.status) {
      case 400:
        return is_web_page(result_) ? not_loki("a web page instead of Loki") : bad_request();
      case 401:
      case 403:
      case 407: {
        Answer read = for_a_person("no access; check the credentials and the tenant");
        read.tenant_only = context_.several_tenants;
        return read;
      }
      case 404:
      case 405:
      case 410:
      case 415:
        return for_a_person("no push endpoint there; check the url");
      case 408:
      case 425: {
        Answer read = of_status(Answer::Kind::retry);
        read.retry_after = wait_or({});
        return read;
      }
      case 413:
        return of_status(Answer::Kind::too_large);
      case 429: {
        Answer read = of_status(Answer::Kind::retry);
        read.retry_after = wait_or({});
        read.tenant_only = true;
        return read;
      }
      default:
        return of_status(Answer::Kind::refused);
    }
  }

  Answer bad_request() const {
    if (!names_an_entry(result_.body) && context_.parts > 1) {
      return of_status(Answer::Kind::blame_source);
    }
    const uint64_t ignored = ignored_entries(result_.body);
    if (ignored == 0 || ignored >= context_.records) {
      Answer read = of_status(Answer::Kind::refused);
      if (!names_an_entry(result_.body)) {
        return read;
      }
      read.detail +=
          " (Loki stores the valid entries of such a request; how many is not known, so "
          "all count as refused)";
      return read;
    }
    Answer read = of_status(Answer::Kind::partly);
    read.refused = ignored;
    return read;
  }

  Answer for_a_person(std::string_view what) const {
    Answer read = of_status(Answer::Kind::retry);
    read.detail = fmt::format("{}: {}", what, read.detail);
    read.retry_after = wait_or(kForAPerson);
    return read;
  }
  Answer not_loki(std::string_view what) const {
    Answer read = for_a_person(what);
    read.reason = fmt::format("not_loki_{}", result_.status);
    return read;
  }
  Answer of_status(Answer::Kind kind) const {
    return answer(kind, fmt::format("http_{}", result_.status),
                  fmt::format("{} {}", result_.status, start_of(result_.body)));
  }
  static Answer answer(Answer::Kind kind, std::string reason, std::string detail) {
    Answer read;
    read.kind = kind;
    read.reason = std::move(reason);
    read.detail = std::move(detail);
    return read;
  }
  milliseconds wait_or(milliseconds otherwise) const {
    return codec::parse_retry_after(result_.header("retry-after"), context_.wall_ns)
        .value_or(otherwise);
  }

  const CallResult& result_;
  const AnswerContext& context_;
};

}  // namespace

Answer read_push_answer(const CallResult& result, const AnswerContext& context) {
  return Reader(result, context).read();
}

}  // namespace tailrace::outputs::loki
