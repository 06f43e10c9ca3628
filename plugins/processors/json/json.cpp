#include "plugins/processors/json/json.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/timestamp.h"

namespace tailrace::processors::json {

namespace {

// Loki refuses a stream with a longer label value, and a line with 64 KiB of metadata.
// Source: loki pkg/validation/limits.go.
constexpr size_t kMaxLabelValue = 2048;
constexpr size_t kMaxMetadataValue = 16 * 1024;

// A block that falls apart into more streams than this has a label with too many values.
constexpr size_t kManySets = 100;

std::vector<Extractor::Wanted> wanted_fields(const JsonConfig& config) {
  std::vector<Extractor::Wanted> wanted;
  for (const auto& [label, path] : config.labels) {
    wanted.push_back({path, Extractor::Wanted::Type::scalar, kMaxLabelValue});
  }
  for (const auto& [name, path] : config.metadata) {
    wanted.push_back({path, Extractor::Wanted::Type::any, kMaxMetadataValue});
  }
  if (config.timestamp) {
    wanted.push_back({config.timestamp->field, Extractor::Wanted::Type::scalar});
  }
  return wanted;
}

std::vector<std::string> label_names(const JsonConfig& config) {
  std::vector<std::string> names;
  for (const auto& [label, path] : config.labels) {
    names.push_back(label);
  }
  if (config.severity.enabled && !config.severity.label.empty()) {
    names.push_back(config.severity.label);
  }
  return names;
}

std::vector<std::string> metadata_names(const JsonConfig& config) {
  std::vector<std::string> names;
  for (const auto& [name, path] : config.metadata) {
    names.push_back(name);
  }
  return names;
}

bool read_time(std::string_view text, TimeFormat format, int64_t& ns) noexcept {
  switch (format) {
    case TimeFormat::automatic:
      return codec::parse_time(text, ns);
    case TimeFormat::rfc3339:
      return codec::parse_rfc3339(text, ns);
    case TimeFormat::unix_s:
      return codec::parse_epoch(text, codec::EpochUnit::seconds, ns);
    case TimeFormat::unix_ms:
      return codec::parse_epoch(text, codec::EpochUnit::milliseconds, ns);
    case TimeFormat::unix_us:
      return codec::parse_epoch(text, codec::EpochUnit::microseconds, ns);
    case TimeFormat::unix_ns:
      return codec::parse_epoch(text, codec::EpochUnit::nanoseconds, ns);
  }
  return false;
}

}  // namespace

Json::Json(std::shared_ptr<const JsonConfig> config, ProcessorContext& context)
    : config_(std::move(config)),
      lane_(context.lane()),
      log_(context.log()),
      extractor_(wanted_fields(*config_),
                 config_->message_only ? config_->message_fields : StringList(), config_->severity),
      splitter_(label_names(*config_), context.lane().labels()),
      labels_(config_->labels.size()),
      metadata_names_(metadata_names(*config_)),
      timestamp_slot_(labels_ + metadata_names_.size()),
      message_slot_(timestamp_slot_ + (config_->timestamp ? 1 : 0)),
      label_values_(label_names(*config_).size()),
      parsed_(context.metrics().counter("json_parsed_total", "Lines read as JSON objects.")),
      not_json_(context.metrics().counter("json_other_total", "Lines that do not begin with {.")),
      malformed_(context.metrics().counter("json_malformed_total",
                                           "Lines that begin with { and are not JSON objects.")),
      bad_timestamps_(context.metrics().counter(
          "json_bad_timestamps_total",
          "Lines that kept the runtime's timestamp because the field's could not be read.")),
      too_long_(context.metrics().counter(
          "json_values_too_long_total",
          "Values that were left in the line only, being too long for a label or metadata.")),
      label_sets_(context.metrics().counter(
          "json_label_sets_total", "Streams that batches were split into, summed over batches.")) {}

void Json::process(Batch& batch, Next& next) noexcept {
  auto* logs = batch_cast<LogBatch>(batch);
  if (logs == nullptr) {
    next.push(batch);
    return;
  }
  Arena& arena = lane_.arena();
  const bool drops = config_->on_error == OnError::drop;
  uint64_t parsed = 0;
  uint64_t malformed = 0;
  uint32_t kept = 0;
  Weight gone;
  splitter_.begin(*logs, arena);
  const uint32_t size = logs->size;
  const uint64_t too_long_before = extractor_.too_long();
  for (uint32_t i = 0; i < size; ++i) {
    const auto shape = extractor_.run(logs->bodies[i], arena);
    if (shape == Extractor::Shape::malformed) {
      ++malformed;
      if (drops) {
        gone += logs->record_weight(i);
        continue;
      }
    }
    if (kept != i) {
      logs->move_record(i, kept);
    }
    if (shape == Extractor::Shape::parsed) {
      ++parsed;
      apply(*logs, kept, arena);
    }
    ++kept;
  }
  logs->size = kept;
  parsed_.add(parsed);
  malformed_.add(malformed);
  not_json_.add(size - parsed - malformed);
  too_long_.add(extractor_.too_long() - too_long_before);
  if (gone != Weight{}) {
    next.filtered(gone);
  }
  if (kept == 0) {
    return;
  }
  const size_t sets = splitter_.push(*logs, arena, next);
  if (!label_values_.empty()) {
    label_sets_.add(sets);
    if (sets > kManySets) {
      warn_of_many(sets);
    }
  }
}

void Json::apply(LogBatch& batch, uint32_t i, Arena& arena) {
  if (extractor_.severity() != Severity::unset) {
    batch.ensure_severities(arena);
    batch.severities[i] = extractor_.severity();
  }
  apply_metadata(batch, i, arena);
  if (config_->timestamp) {
    apply_timestamp(batch, i);
  }
  if (!label_values_.empty()) {
    set_labels(i);
  }
  if (config_->message_only) {
    if (const std::string_view message = extractor_.value(message_slot_);
        message.data() != nullptr) {
      batch.bodies[i] = message;
    }
  }
}

void Json::apply_metadata(LogBatch& batch, uint32_t i, Arena& arena) {
  const bool with_severity =
      !config_->severity.metadata.empty() && extractor_.severity() != Severity::unset;
  size_t fresh = with_severity ? 1 : 0;
  for (size_t k = 0; k < metadata_names_.size(); ++k) {
    fresh += extractor_.value(labels_ + k).empty() ? 0 : 1;
  }
  if (fresh == 0) {
    return;
  }
  batch.ensure_metadata(arena);
  const MetaSpan old = batch.metadata[i];
  auto* pairs = arena.array<MetaPair>(old.count + fresh);
  MetaPair* end = pairs;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      *end++ = {name, value};
    }
  };
  for (size_t k = 0; k < metadata_names_.size(); ++k) {
    add(metadata_names_[k], extractor_.value(labels_ + k));
  }
  if (with_severity) {
    add(config_->severity.metadata, to_string(extractor_.severity()));
  }
  // What the record had before stays unless the line says otherwise.
  MetaPair* const end_of_fresh = end;
  for (uint32_t k = 0; k < old.count; ++k) {
    const MetaPair& pair = old.pairs[k];
    if (std::none_of(pairs, end_of_fresh,
                     [&](const MetaPair& other) { return other.name == pair.name; })) {
      *end++ = pair;
    }
  }
  batch.metadata[i] = {pairs, static_cast<uint32_t>(end - pairs)};
}

void Json::apply_timestamp(LogBatch& batch, uint32_t i) noexcept {
  int64_t ns = 0;
  if (read_time(extractor_.value(timestamp_slot_), config_->timestamp->format, ns)) {
    batch.timestamps[i] = ns;
  } else {
    bad_timestamps_.increment();
  }
}

void Json::set_labels(uint32_t i) {
  bool any = false;
  for (size_t k = 0; k < labels_; ++k) {
    label_values_[k] = extractor_.value(k);
    any |= !label_values_[k].empty();
  }
  if (label_values_.size() > labels_) {
    label_values_.back() = to_string(extractor_.severity());
    any |= !label_values_.back().empty();
  }
  if (any) {
    splitter_.set(i, label_values_);
  }
}

void Json::warn_of_many(size_t sets) {
  log_.warn("many_streams",
            fmt::format("one block of lines became {} streams: a field among `labels` has too many "
                        "values for a label; move it to `metadata`",
                        sets));
}

}  // namespace tailrace::processors::json

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor processors_json_plugin =
    define_processor<processors::json::Json, processors::json::JsonConfig>(
        {.name = "json",
         .summary =
             "Takes fields out of JSON lines: labels, metadata, severity, timestamp, message.",
         .signals = kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        processors::json::json_schema);

}  // namespace tailrace
