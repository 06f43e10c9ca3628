#include "config/suggest.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace tailrace::config {
namespace {

constexpr size_t kFewWords = 12;

/// What users of the OpenTelemetry Collector, Promtail or Fluent Bit call something that has
/// another name here. Only looked at where `ours` is known.
struct ForeignWord {
  std::string_view theirs;
  std::string_view ours;
};
constexpr ForeignWord kForeignWords[] = {
    // sections and parts of pipelines
    {"receivers", "inputs"},
    {"sources", "inputs"},
    {"exporters", "outputs"},
    {"sinks", "outputs"},
    {"service", "pipelines"},
    {"transforms", "processors"},
    // types
    {"filelog", "tail"},
    {"prometheus", "prometheus_scrape"},
    {"debug", "stdout"},
    {"logging", "stdout"},
    {"console", "stdout"},
    {"nop", "null"},
    {"blackhole", "null"},
    {"probabilistic_sampler", "trace_filter"},
    {"attributes", "resource"},
    // options
    {"endpoint", "listen"},
    {"max_recv_msg_size_mib", "max_message_size"},
    {"max_concurrent_streams", "max_calls"},
    {"max_request_body_size", "max_body_size"},
    {"sending_queue", "buffer"},
    {"retry_on_failure", "retry"},
    {"auth", "authorization"},
    {"insert", "add"},
    {"delete", "drop"},
    {"sampling_percentage", "probability"},
    {"span_names", "name_contains"},
    {"services", "service"},
    {"resource_to_telemetry_conversion", "promote_all_resource_attributes"},
};

/// Words that differ only in case or in `-` and `_` are as good as equal.
std::string simplified(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table: the swap looks two rows back.
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    above[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string suggest(std::string_view written, const std::vector<std::string>& known) {
  const std::string wanted = simplified(written);
  for (const ForeignWord& word : kForeignWords) {
    if (wanted == word.theirs && std::ranges::find(known, word.ours) != known.end()) {
      return fmt::format("did you mean \"{}\"?", word.ours);
    }
  }
  const std::string* best = nullptr;
  // A third of the word may be wrong, and at least one character.
  size_t best_distance = std::max<size_t>(1, wanted.size() / 3) + 1;
  if (wanted.size() <= 64) {
    for (const std::string& word : known) {
      const size_t distance = edit_distance(wanted, simplified(word));
      if (distance < best_distance) {
        best = &word;
        best_distance = distance;
      }
    }
  }
  if (best != nullptr) {
    return fmt::format("did you mean \"{}\"?", *best);
  }
  // `tls` for `tls_config`, `otlphttp` for `otlp`: one is the beginning of the other.
  for (const std::string& word : known) {
    const std::string simple = simplified(word);
    if (std::min(simple.size(), wanted.size()) >= 3 &&
        (simple.starts_with(wanted) || wanted.starts_with(simple))) {
      return fmt::format("did you mean \"{}\"?", word);
    }
  }
  if (known.empty() || known.size() > kFewWords) {
    return {};
  }
  return fmt::format("known: {}", fmt::join(known, ", "));
}

}  // namespace tailrace::config
