#include "plugins/converters/logs_to_otlp/logs_to_otlp.h"

#include <algorithm>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "codec/proto_writer.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::converters::logs_to_otlp {

namespace otlp = common::otlp;

LogsToOtlp::LogsToOtlp(std::shared_ptr<const LogsToOtlpConfig> config, ConverterContext& context)
    : config_(std::move(config)),
      lane_(context.lane()),
      slot_(context.lane().labels().new_slot()) {}

const EncodedStream& LogsToOtlp::stream_of(const Labels& labels) {
  auto* known = static_cast<EncodedStream*>(labels.attachment(slot_));
  if (known == nullptr) [[unlikely]] {
    auto made = std::make_unique<EncodedStream>();
    encode_stream(labels, *config_, *made);
    known = made.get();
    labels.attach(slot_, std::move(made));
  }
  return *known;
}

void LogsToOtlp::convert(const Batch& batch, Next& next) noexcept {
  const LogBatch* logs = batch_cast<LogBatch>(batch);
  TR_ASSERT(logs != nullptr);
  if (logs->size == 0) {
    return;
  }
  const EncodedStream& stream = stream_of(*logs->labels);
  records_.clear();
  size_t scope_size = 0;
  for (uint32_t i = 0; i < logs->size; ++i) {
    scope_size +=
        records_.emplace_back(*logs, i, stream.record_attributes, lane_.arena()).field_size();
  }
  const size_t size =
      stream.resource.size() + codec::bytes_field_size(otlp::resource_x::kScopes, scope_size);
  char* const message = lane_.arena().array<char>(size);
  char* to = std::ranges::copy(stream.resource, message).out;
  to = codec::write_bytes_header(to, otlp::resource_x::kScopes, scope_size);
  for (const RecordWriter& record : records_) {
    to = record.write(to);
  }
  TR_CHECK(to == message + size);

  const Weight weight = logs->weight();
  std::string_view resource(message, size);
  auto records = static_cast<uint32_t>(weight.records);
  auto source_bytes = static_cast<uint32_t>(weight.bytes);
  OtlpBatch out(Signal::logs);
  out.receipt = batch.receipt;
  out.size = 1;
  out.resources = &resource;
  out.records = &records;
  out.source_bytes = &source_bytes;
  next.push(out);
}

namespace {
constexpr Signal kSignals[] = {Signal::logs};
constexpr const BatchType* kTo[] = {&OtlpBatch::kLogs};
}  // namespace

}  // namespace tailrace::converters::logs_to_otlp

namespace tailrace {

extern const PluginDescriptor converters_logs_to_otlp_plugin;
// NOLINTNEXTLINE(cert-err58-cpp): it is made at compile time
constinit const PluginDescriptor converters_logs_to_otlp_plugin =
    define_converter<converters::logs_to_otlp::LogsToOtlp,
                     converters::logs_to_otlp::LogsToOtlpConfig>(
        {.name = "logs_to_otlp",
         .summary = "Makes OpenTelemetry's logs of lines with labels and structured metadata.",
         .signals = converters::logs_to_otlp::kSignals,
         .from = &LogBatch::kType,
         .to = converters::logs_to_otlp::kTo,
         .growth = 2},
        converters::logs_to_otlp::logs_to_otlp_schema);

}  // namespace tailrace
