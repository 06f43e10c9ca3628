#include "plugins/converters/otlp_to_metrics/exemplars.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "codec/proto_reader.h"
#include "codec/utf8.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/common/otlp/value_text.h"

namespace tailrace::converters::otlp_to_metrics {

namespace otlp = common::otlp;

namespace {

constexpr size_t kMostCharacters = 128;

size_t characters(std::string_view text) noexcept {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

bool is_set(std::string_view id) noexcept {
  return std::ranges::any_of(id, [](char c) { return c != 0; });
}

}  // namespace

std::optional<ExemplarRow> read_exemplar(std::string_view message, Arena& arena) {
  ExemplarRow row;
  bool has_value = false;
  std::string_view trace_id;
  std::string_view span_id;
  std::vector<Label> labels;
  otlp::ValueText text(arena);
  codec::ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case otlp::exemplar::kTime:
        row.timestamp = static_cast<int64_t>(reader.fixed64() / 1'000'000);
        break;
      case otlp::exemplar::kAsDouble:
        row.value = std::bit_cast<double>(reader.fixed64());
        has_value = true;
        break;
      case otlp::exemplar::kAsInt:
        row.value = static_cast<double>(static_cast<int64_t>(reader.fixed64()));
        has_value = true;
        break;
      case otlp::exemplar::kTraceId:
        trace_id = reader.bytes();
        break;
      case otlp::exemplar::kSpanId:
        span_id = reader.bytes();
        break;
      case otlp::exemplar::kFilteredAttributes: {
        const otlp::KeyValue pair = otlp::read_key_value(reader.bytes());
        labels.push_back({codec::make_valid_utf8(pair.key, arena),
                          codec::make_valid_utf8(text.of(pair.value), arena)});
        break;
      }
      default:
        reader.skip();
    }
  }
  if (!has_value) {
    return std::nullopt;
  }
  const size_t attributes = labels.size();
  if (is_set(trace_id)) {
    labels.push_back({"trace_id", text.of_id(trace_id)});
  }
  if (is_set(span_id)) {
    labels.push_back({"span_id", text.of_id(span_id)});
  }
  size_t length = 0;
  for (const Label& label : labels) {
    length += characters(label.name) + characters(label.value);
  }
  if (length > kMostCharacters) {
    labels.erase(labels.begin(), labels.begin() + static_cast<ptrdiff_t>(attributes));
  }
  std::ranges::sort(labels, {}, &Label::name);
  Label* const kept = arena.array<Label>(labels.size());
  std::ranges::copy(labels, kept);
  row.labels = {kept, labels.size()};
  return row;
}

}  // namespace tailrace::converters::otlp_to_metrics
