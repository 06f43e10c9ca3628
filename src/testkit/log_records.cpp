#include "testkit/log_records.h"

#include <algorithm>
#include <cstring>

#include "tailrace/block.h"

namespace tailrace::testkit {

LogBatchOf::LogBatchOf(LabelInterner& interner, Arena& arena,
                       std::map<std::string, std::string> labels, std::vector<LogRecord> records)
    : records_(std::move(records)) {
  std::vector<Label> pairs;
  for (const auto& [name, value] : labels) {
    pairs.push_back({name, value});
  }
  labels_ = interner.intern(pairs);

  size_t bytes = 0;
  for (const LogRecord& record : records_) {
    bytes += record.body.size() + 1;
  }
  block_.resize(bytes + kBlockPadding);
  const auto count = static_cast<uint32_t>(records_.size());
  batch_.labels = labels_.get();
  batch_.size = count;
  batch_.timestamps = arena.array<int64_t>(count);
  batch_.bodies = arena.array<std::string_view>(count);
  batch_.source_records = arena.array<uint32_t>(count);
  batch_.source_bytes = arena.array<uint32_t>(count);
  char* at = block_.data();
  for (uint32_t i = 0; i < count; ++i) {
    LogRecord& record = records_[i];
    if (record.weight == Weight{}) {
      record.weight = {1, record.body.size() + 1};
    }
    std::copy(record.body.begin(), record.body.end(), at);
    batch_.bodies[i] = {at, record.body.size()};
    at += record.body.size();
    *at++ = '\n';
    batch_.timestamps[i] = record.timestamp;
    batch_.source_records[i] = static_cast<uint32_t>(record.weight.records);
    batch_.source_bytes[i] = static_cast<uint32_t>(record.weight.bytes);
    if (record.severity != Severity::unset) {
      batch_.ensure_severities(arena);
      batch_.severities[i] = record.severity;
    }
    if (!record.metadata.empty()) {
      batch_.ensure_metadata(arena);
      auto* pairs_of_record = arena.array<MetaPair>(record.metadata.size());
      for (size_t k = 0; k < record.metadata.size(); ++k) {
        pairs_of_record[k] = {record.metadata[k].first, record.metadata[k].second};
      }
      batch_.metadata[i] = {pairs_of_record, static_cast<uint32_t>(record.metadata.size())};
    }
  }
  // What lies behind a block is arbitrary: make it look like more of a JSON text.
  std::fill(at, block_.data() + block_.size(), '9');
}

std::vector<LogRecord> copy_records(const LogBatch& batch) {
  std::vector<LogRecord> records;
  for (uint32_t i = 0; i < batch.size; ++i) {
    LogRecord& record = records.emplace_back();
    record.body = batch.bodies[i];
    record.timestamp = batch.timestamps[i];
    if (batch.severities != nullptr) {
      record.severity = batch.severities[i];
    }
    if (batch.metadata != nullptr) {
      for (uint32_t k = 0; k < batch.metadata[i].count; ++k) {
        const MetaPair& pair = batch.metadata[i].pairs[k];
        record.metadata.emplace_back(pair.name, pair.value);
      }
    }
    for (const Label& label : batch.labels->pairs()) {
      record.labels.emplace(label.name, label.value);
    }
    record.weight = batch.record_weight(i);
  }
  return records;
}

std::vector<std::string> bodies_of(const std::vector<LogRecord>& records) {
  std::vector<std::string> bodies;
  for (const LogRecord& record : records) {
    bodies.push_back(record.body);
  }
  return bodies;
}

}  // namespace tailrace::testkit
