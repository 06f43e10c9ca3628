#include "plugins/converters/otlp_to_logs/otlp_to_logs.h"

#include <algorithm>

#include "tailrace/block.h"
#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "codec/proto_reader.h"
#include "plugins/common/otlp/fields.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::converters::otlp_to_logs {

namespace otlp = common::otlp;

namespace {

constexpr std::string_view kServiceName = "service_name";
constexpr std::string_view kUnknownService = "unknown_service";
constexpr uint8_t kMostSeverity = 24;

size_t bytes_of(const std::vector<MetaPair>& pairs) noexcept {
  size_t bytes = 0;
  for (const MetaPair& pair : pairs) {
    bytes += pair.name.size() + pair.value.size();
  }
  return bytes;
}

}  // namespace

OtlpToLogs::OtlpToLogs(std::shared_ptr<const OtlpToLogsConfig> config, ConverterContext& context)
    : label_names_(config->labels.begin(), config->labels.end()),
      lane_(context.lane()),
      text_(context.lane().arena()) {}

void OtlpToLogs::convert(const Batch& batch, Next& next) noexcept {
  const OtlpBatch* logs = otlp_cast(batch);
  TR_ASSERT(logs != nullptr);
  for (uint32_t i = 0; i < logs->size; ++i) {
    convert_resource(logs->resources[i], logs->resource_weight(i), batch.receipt, next);
  }
  stream_ = {};
}

void OtlpToLogs::convert_resource(std::string_view message, Weight weight, Receipt* receipt,
                                  Next& next) {
  message_ = message;
  receipt_ = receipt;
  read_resource(message);
  const size_t of_resource = common_.size();

  uint64_t records = 0;
  uint64_t metadata = 0;
  otlp::for_each_field(message, otlp::resource_x::kScopes, [&](std::string_view scope) {
    uint64_t in_scope = 0;
    otlp::for_each_field(scope, otlp::scope_x::kRecords, [&](std::string_view) { ++in_scope; });
    common_.resize(of_resource);
    read_scope(scope);
    records += in_scope;
    metadata += in_scope * bytes_of(common_);
  });
  if (records == 0) {
    next.filtered(weight);
    return;
  }
  if (metadata > otlp::most_growth(weight.bytes)) {
    next.refuse(weight, "metadata_multiplies",
                "a resource whose attributes, repeated for each of its records, would fill memory");
    return;
  }
  share_ = {weight, records};
  otlp::for_each_field(message, otlp::resource_x::kScopes, [&](std::string_view scope) {
    common_.resize(of_resource);
    read_scope(scope);
    otlp::for_each_field(scope, otlp::scope_x::kRecords, [&](std::string_view record) {
      add_record(record);
      if (bodies_.size() == kChunk) {
        flush(next);
      }
    });
    flush(next);  // the next scope's metadata is other
  });
}

void OtlpToLogs::read_resource(std::string_view message) {
  labels_.clear();
  common_.clear();
  pairs_ = &common_;
  otlp::for_each_field(message, otlp::resource_x::kResource, [&](std::string_view resource) {
    otlp::for_each_field(resource, otlp::resource::kAttributes,
                         [&](std::string_view attribute) { add_attribute(attribute, true); });
  });
  if (std::ranges::none_of(labels_, [](const Label& label) { return !label.value.empty(); })) {
    labels_.push_back({kServiceName, kUnknownService});  // a stream without labels is none
  }
  stream_ = lane_.labels().intern(labels_);
}

void OtlpToLogs::read_scope(std::string_view message) {
  pairs_ = &common_;
  std::string_view name;
  std::string_view version;
  uint64_t dropped = 0;
  otlp::for_each_field(message, otlp::scope_x::kScope, [&](std::string_view scope) {
    codec::ProtoReader reader(scope);
    while (reader.next()) {
      switch (reader.field()) {
        case otlp::scope::kName:
          name = reader.bytes();
          break;
        case otlp::scope::kVersion:
          version = reader.bytes();
          break;
        case otlp::scope::kAttributes:
          add_attribute(reader.bytes(), false);
          break;
        case otlp::scope::kDroppedAttributes:
          dropped = reader.varint();
          break;
        default:
          reader.skip();
      }
    }
  });
  if (!name.empty()) {
    add_meta("scope_name", name);
  }
  if (!version.empty()) {
    add_meta("scope_version", version);
  }
  if (dropped != 0) {
    add_meta("scope_dropped_attributes_count", text_.of_number(dropped));
  }
}

void OtlpToLogs::add_record(std::string_view message) {
  pairs_ = &own_;
  uint64_t time = 0;
  uint64_t observed = 0;
  uint64_t severity = 0;
  uint64_t dropped = 0;
  uint32_t flags = 0;
  otlp::AnyValue body;
  std::string_view severity_text;
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view event;
  codec::ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case otlp::log_record::kTime:
        time = reader.fixed64();
        break;
      case otlp::log_record::kObservedTime:
        observed = reader.fixed64();
        break;
      case otlp::log_record::kSeverityNumber:
        severity = reader.varint();
        break;
      case otlp::log_record::kSeverityText:
        severity_text = reader.bytes();
        break;
      case otlp::log_record::kBody:
        body = otlp::read_any_value(reader.bytes());
        break;
      case otlp::log_record::kAttributes:
        add_attribute(reader.bytes(), false);
        break;
      case otlp::log_record::kDroppedAttributes:
        dropped = reader.varint();
        break;
      case otlp::log_record::kFlags:
        flags = reader.fixed32();
        break;
      case otlp::log_record::kTraceId:
        trace_id = reader.bytes();
        break;
      case otlp::log_record::kSpanId:
        span_id = reader.bytes();
        break;
      case otlp::log_record::kEventName:
        event = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  if (time != 0 && observed != 0) {
    add_meta("observed_timestamp", text_.of_number(observed));
  }
  if (severity != 0) {
    add_meta("severity_number", text_.of_number(severity));
  }
  if (!severity_text.empty()) {
    add_meta("severity_text", severity_text);
  }
  if (dropped != 0) {
    add_meta("dropped_attributes_count", text_.of_number(dropped));
  }
  if (flags != 0) {
    add_meta("flags", text_.of_number(flags));
  }
  if (const std::string_view id = text_.of_id(trace_id); !id.empty()) {
    add_meta("trace_id", id);
  }
  if (const std::string_view id = text_.of_id(span_id); !id.empty()) {
    add_meta("span_id", id);
  }
  if (!event.empty()) {
    add_meta("event_name", event);
  }
  own_.insert(own_.end(), common_.begin(), common_.end());
  own_ends_.push_back(static_cast<uint32_t>(own_.size()));

  const uint64_t when = time != 0 ? time : observed;
  timestamps_.push_back(when != 0 ? static_cast<int64_t>(when) : lane_.clock().wall_ns());
  bodies_.push_back(padded(text_.of(body), message_));
  severities_.push_back(severity <= kMostSeverity ? static_cast<Severity>(severity)
                                                  : Severity::unset);
  const Weight share = share_.take();
  source_records_.push_back(static_cast<uint32_t>(share.records));
  source_bytes_.push_back(static_cast<uint32_t>(share.bytes));
}

void OtlpToLogs::flush(Next& next) {
  if (bodies_.empty()) {
    return;
  }
  uint32_t from = 0;
  for (const uint32_t end : own_ends_) {
    metadata_.push_back({own_.data() + from, end - from});
    from = end;
  }
  LogBatch batch;
  batch.receipt = receipt_;
  batch.labels = stream_.get();
  batch.size = static_cast<uint32_t>(bodies_.size());
  batch.timestamps = timestamps_.data();
  batch.bodies = bodies_.data();
  batch.source_records = source_records_.data();
  batch.source_bytes = source_bytes_.data();
  batch.severities = severities_.data();
  batch.metadata = metadata_.data();
  next.push(batch);
  own_.clear();
  own_ends_.clear();
  metadata_.clear();
  timestamps_.clear();
  bodies_.clear();
  severities_.clear();
  source_records_.clear();
  source_bytes_.clear();
}

void OtlpToLogs::add_attribute(std::string_view key_value, bool may_be_label) {
  const otlp::KeyValue pair = otlp::read_key_value(key_value);
  const bool as_label = may_be_label && label_names_.contains(std::string(pair.key));
  flatten(label_name(pair.key), pair.value, as_label);
}

void OtlpToLogs::flatten(std::string_view name, const otlp::AnyValue& value, bool as_label) {
  if (value.kind == otlp::any_value::kKeyValueList) {
    otlp::for_each_field(value.bytes, otlp::value_list::kValues, [&](std::string_view message) {
      const otlp::KeyValue inner = otlp::read_key_value(message);
      char* const joined = lane_.arena().array<char>(name.size() + 1 + inner.key.size());
      char* const end = std::ranges::copy(name, joined).out;
      *end = '_';
      std::ranges::copy(inner.key, end + 1);
      const std::string_view full(joined, name.size() + 1 + inner.key.size());
      flatten(label_name(full), inner.value, as_label);
    });
    return;
  }
  const std::string_view text = text_.of(value);
  if (as_label) {
    labels_.push_back({name, text});
  } else {
    add_meta(name, text);
  }
}

std::string_view OtlpToLogs::label_name(std::string_view name) {
  return otlp::to_label_name(name, otlp::LabelStyle::loki, lane_.arena());
}

std::string_view OtlpToLogs::padded(std::string_view body, std::string_view message) {
  const char* const end = body.data() + body.size();
  const char* const message_end = message.data() + message.size();
  const bool within = body.data() >= message.data() && end <= message_end;
  if (body.empty() || (within && static_cast<size_t>(message_end - end) >= kBlockPadding)) {
    return body;
  }
  char* const copy = lane_.arena().array<char>(body.size() + kBlockPadding);
  std::ranges::copy(body, copy);
  std::fill_n(copy + body.size(), kBlockPadding, '\0');
  return {copy, body.size()};
}

namespace {
constexpr Signal kSignals[] = {Signal::logs};
constexpr const BatchType* kTo[] = {&LogBatch::kType};
}  // namespace

}  // namespace tailrace::converters::otlp_to_logs

namespace tailrace {

extern const PluginDescriptor converters_otlp_to_logs_plugin;
// NOLINTNEXTLINE(cert-err58-cpp): it is made at compile time
constinit const PluginDescriptor converters_otlp_to_logs_plugin =
    define_converter<converters::otlp_to_logs::OtlpToLogs,
                     converters::otlp_to_logs::OtlpToLogsConfig>(
        {.name = "otlp_to_logs",
         .summary = "Makes lines with labels and structured metadata of OpenTelemetry's logs.",
         .signals = converters::otlp_to_logs::kSignals,
         .from = &OtlpBatch::kLogs,
         .to = converters::otlp_to_logs::kTo,
         .growth = 4},
        converters::otlp_to_logs::otlp_to_logs_schema);

}  // namespace tailrace
