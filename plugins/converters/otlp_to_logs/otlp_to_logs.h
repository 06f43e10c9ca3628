#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tailrace/converter.h"
#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/otlp_batch.h"

#include "plugins/common/otlp/resource_share.h"
#include "plugins/common/otlp/value_text.h"
#include "plugins/converters/otlp_to_logs/otlp_to_logs_config.h"

namespace tailrace::converters::otlp_to_logs {

/// Makes streams of lines of OTLP's log records.
///
/// Shape:    each resource is a stream: chosen attributes are its labels, the others (and the
///           scope's) the metadata of each of its records, in batches of at most kChunk.
/// Time:     time_unix_nano, else observed_time_unix_nano; else that of the conversion, as Loki
/// does
///           it (the one case in which a repeat is not the same).
/// Memory:   each record gets the resource's metadata once more; a resource that would become
/// larger
///           than most_growth() is refused.
/// Lifetime: bodies are views of the message, except at its very end, where a copy has the padding.
/// Source:   Loki pkg/loghttp/push/otlp.go; wire-facts section 2.
class OtlpToLogs final : public Converter {
 public:
  static constexpr uint32_t kChunk = 256;

  OtlpToLogs(std::shared_ptr<const OtlpToLogsConfig> config, ConverterContext& context);
  void convert(const Batch& batch, Next& next) noexcept override;

 private:
  void convert_resource(std::string_view message, Weight weight, Receipt* receipt, Next& next);
  /// Reads labels_ and the metadata of the resource.
  void read_resource(std::string_view message);
  void read_scope(std::string_view message);
  void add_record(std::string_view message);
  void flush(Next& next);
  /// `key` is the name of the attribute before it was made a label's.
  void add_attribute(std::string_view key_value, bool may_be_label);
  void flatten(std::string_view name, const common::otlp::AnyValue& value, bool as_label);
  void add_meta(std::string_view name, std::string_view value) { pairs_->push_back({name, value}); }
  std::string_view label_name(std::string_view name);
  /// A body with what LogBatch promises behind it.
  std::string_view padded(std::string_view body, std::string_view message);

  std::unordered_set<std::string> label_names_;
  Lane& lane_;
  common::otlp::ValueText text_;

  // Of the resource in work.
  std::vector<Label> labels_;
  LabelsPtr stream_;
  std::vector<MetaPair> common_;  // the resource's metadata, then the scope's
  std::string_view message_;
  Receipt* receipt_ = nullptr;
  common::otlp::ResourceShare share_;

  // The batch that is being filled.
  std::vector<MetaPair>* pairs_ = nullptr;  // common_ or own_
  std::vector<MetaPair> own_;
  std::vector<uint32_t> own_ends_;  // of each record, in own_
  std::vector<MetaSpan> metadata_;
  std::vector<int64_t> timestamps_;
  std::vector<std::string_view> bodies_;
  std::vector<Severity> severities_;
  std::vector<uint32_t> source_records_;
  std::vector<uint32_t> source_bytes_;
};

}  // namespace tailrace::converters::otlp_to_logs
