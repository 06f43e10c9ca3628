#pragma once

#include <memory>
#include <vector>

#include "tailrace/converter.h"
#include "tailrace/log_batch.h"
#include "tailrace/otlp_batch.h"

#include "plugins/converters/logs_to_otlp/logs_to_otlp_config.h"
#include "plugins/converters/logs_to_otlp/record_writer.h"
#include "plugins/converters/logs_to_otlp/resource_of_labels.h"

namespace tailrace::converters::logs_to_otlp {

/// Makes OTLP's log records of lines.
///
/// Shape: a batch is one stream: one ResourceLogs with one scope. Labels become the resource's
///        attributes, metadata the record's; the line is the body.
/// Time:  that of the record. observed_time_unix_nano is left out: it would be another one in each
///        repeat (P2), and readers fall back on the record's time.
class LogsToOtlp final : public Converter {
 public:
  LogsToOtlp(std::shared_ptr<const LogsToOtlpConfig> config, ConverterContext& context);
  void convert(const Batch& batch, Next& next) noexcept override;

 private:
  const EncodedStream& stream_of(const Labels& labels);

  const std::shared_ptr<const LogsToOtlpConfig> config_;
  Lane& lane_;
  const uint32_t slot_;
  std::vector<RecordWriter> records_;
};

}  // namespace tailrace::converters::logs_to_otlp
