#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

#include "plugins/processors/json/extractor.h"
#include "plugins/processors/json/json_config.h"
#include "plugins/processors/json/stream_splitter.h"

namespace tailrace::processors::json {

/// Reads JSON lines where they lie: fields become labels, structured metadata, severity, timestamp
/// and, if wanted, the line.
///
/// Shape: batches are edited in place; with `labels` one may become several.
/// Cost:  a line that does not begin with `{` costs one comparison; others are read until all
///        wanted fields are found. No allocation per record.
/// Lane:  one instance per lane and pipeline.
class Json final : public Processor {
 public:
  Json(std::shared_ptr<const JsonConfig> config, ProcessorContext& context);

  void process(Batch& batch, Next& next) noexcept override;

 private:
  void apply(LogBatch& batch, uint32_t i, Arena& arena);
  void apply_metadata(LogBatch& batch, uint32_t i, Arena& arena);
  void apply_timestamp(LogBatch& batch, uint32_t i) noexcept;
  void set_labels(uint32_t i);
  void warn_of_many(size_t sets);

  const std::shared_ptr<const JsonConfig> config_;
  Lane& lane_;
  const Log& log_;
  Extractor extractor_;
  StreamSplitter splitter_;
  // Slots of the extractor, in this order: labels, metadata, timestamp, message.
  const size_t labels_;
  const std::vector<std::string> metadata_names_;
  const size_t timestamp_slot_;
  const size_t message_slot_;
  std::vector<std::string_view> label_values_;

  Counter& parsed_;
  Counter& not_json_;
  Counter& malformed_;
  Counter& bad_timestamps_;
  Counter& too_long_;
  Counter& label_sets_;
};

}  // namespace tailrace::processors::json
