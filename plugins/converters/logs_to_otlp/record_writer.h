#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tailrace/arena.h"
#include "tailrace/log_batch.h"

namespace tailrace::converters::logs_to_otlp {

/// One LogRecord, measured before it is written.
///
/// Shape:    metadata that OTLP has fields for (trace_id, span_id, severity_text,
///           observed_timestamp) becomes these, where it is well-formed; all other is attributes.
///           Text is made valid UTF-8.
/// Lifetime: views of the batch or of the arena.
/// Source:   OTLP logs data model; wire-facts section 6.
class RecordWriter {
 public:
  /// `attributes`: whole fields that go into the record as they are.
  RecordWriter(const LogBatch& batch, uint32_t record, std::string_view attributes, Arena& arena);

  /// Of the whole field LogRecord in ScopeLogs.
  size_t field_size() const noexcept;
  char* write(char* to) const noexcept;

 private:
  /// Takes a pair that is a field of its own.
  bool take(const MetaPair& pair) noexcept;

  uint64_t time_;
  uint64_t observed_ = 0;
  uint32_t severity_ = 0;
  std::string_view severity_text_;
  std::string_view body_;
  std::string_view attributes_;
  MetaPair* pairs_ = nullptr;  // what is left for attributes
  uint32_t count_ = 0;
  bool has_trace_ = false;
  bool has_span_ = false;
  std::array<char, 16> trace_id_{};
  std::array<char, 8> span_id_{};
  size_t size_ = 0;
};

}  // namespace tailrace::converters::logs_to_otlp
