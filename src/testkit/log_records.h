#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/log_batch.h"

namespace tailrace::testkit {

/// A log record that owns everything, for building batches and for comparing what came out.
struct LogRecord {
  std::string body;
  int64_t timestamp = 0;
  Severity severity = Severity::unset;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::map<std::string, std::string> labels;
  Weight weight;  // zero: one line, the body and its newline

  friend bool operator==(const LogRecord&, const LogRecord&) = default;
};

/// Builds a LogBatch as an input does: bodies are views into one block with exactly the promised
/// padding behind it (so that a sanitizer sees who reads further), arrays lie in the arena.
///
/// Lifetime: the batch lives as long as this and the arena's contents.
class LogBatchOf {
 public:
  /// All records get `labels`; their own `labels` are not looked at.
  LogBatchOf(LabelInterner& interner, Arena& arena, std::map<std::string, std::string> labels,
             std::vector<LogRecord> records);
  LogBatch& batch() noexcept { return batch_; }

 private:
  std::vector<LogRecord> records_;
  std::vector<char> block_;
  LabelsPtr labels_;
  LogBatch batch_;
};

/// Copies the records of a batch.
std::vector<LogRecord> copy_records(const LogBatch& batch);
/// Just their bodies.
std::vector<std::string> bodies_of(const std::vector<LogRecord>& records);

}  // namespace tailrace::testkit
