#pragma once

#include <string>
#include <string_view>

#include "tailrace/labels.h"

#include "plugins/converters/logs_to_otlp/logs_to_otlp_config.h"

namespace tailrace::converters::logs_to_otlp {

/// What a stream's labels become in OTLP: computed once for each label set.
struct EncodedStream final : LabelAttachment {
  std::string resource;           ///< ResourceLogs.resource, a whole field.
  std::string record_attributes;  ///< LogRecord.attributes, whole fields, the same in each record.
};

/// Names by the semantic conventions: k8s.* and container.* for where a log comes from;
/// log.iostream and log.file.path belong to the records. service.name is that of the label
/// `service_name`, else of the first label that Loki would take for it. Source: OpenTelemetry
/// semantic conventions, "Kubernetes", "Container", "General logs attributes"; Loki's
/// discover_service_name.
void encode_stream(const Labels& labels, const LogsToOtlpConfig& config, EncodedStream& out);

}  // namespace tailrace::converters::logs_to_otlp
