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

}  // namespace

std::optional<ExemplarRow> read_exemplar(std::string_view message, Arena& arena) {
  ExemplarRow row;
  bool has_value = false;
  std::string_view trace_id;
  std::string_view span_id;
  std::vector<Label> attributes;
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
        attributes.push_back({codec::make_valid_utf8(pair.key, arena),
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
  std::vector<Label> labels;
  size_t length = 0;
  for (const Label& id :
       {Label{"trace_id", text.of_id(trace_id)}, Label{"span_id", text.of_id(span_id)}}) {
    if (!id.value.empty()) {
      std::erase_if(attributes, [&](const Label& attribute) { return attribute.name == id.name; });
      labels.push_back(id);
      length += characters(id.name) + characters(id.value);
    }
  }
  for (const Label& attribute : attributes) {
    length += characters(attribute.name) + characters(attribute.value);
  }
  if (length <= kMostCharacters) {
    labels.insert(labels.end(), attributes.begin(), attributes.end());
  }
  std::ranges::sort(labels, {}, &Label::name);
  Label* const kept = arena.array<Label>(labels.size());
  std::ranges::copy(labels, kept);
  row.labels = {kept, labels.size()};
  return row;
}

}  // namespace tailrace::converters::otlp_to_metrics
