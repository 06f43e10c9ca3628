#include "plugins/converters/logs_to_otlp/record_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "codec/proto_writer.h"
#include "codec/utf8.h"
#include "plugins/common/otlp/hex_id.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::converters::logs_to_otlp {

namespace otlp = common::otlp;
using codec::bytes_field_size;
using codec::make_valid_utf8;
using codec::varint_field_size;
using codec::write_bytes_field;
using codec::write_bytes_header;
using codec::write_fixed64_field;
using codec::write_varint_field;

namespace {

/// The short names of the data model, by SeverityNumber.
constexpr std::array<std::string_view, 25> kSeverityNames = {
    "",       "TRACE",  "TRACE2", "TRACE3", "TRACE4", "DEBUG",  "DEBUG2", "DEBUG3", "DEBUG4",
    "INFO",   "INFO2",  "INFO3",  "INFO4",  "WARN",   "WARN2",  "WARN3",  "WARN4",  "ERROR",
    "ERROR2", "ERROR3", "ERROR4", "FATAL",  "FATAL2", "FATAL3", "FATAL4"};

/// A number in decimal; 0 when the text is none.
uint64_t number_in(std::string_view text) noexcept {
  uint64_t number = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), number);
  return done.ec == std::errc() && done.ptr == text.data() + text.size() ? number : 0;
}

constexpr size_t kFixed64FieldSize = 1 + 8;

size_t value_size(std::string_view text) noexcept {
  return bytes_field_size(otlp::any_value::kString, text.size());
}
size_t pair_size(const MetaPair& pair) noexcept {
  return bytes_field_size(otlp::key_value::kKey, pair.name.size()) +
         bytes_field_size(otlp::key_value::kValue, value_size(pair.value));
}

}  // namespace

RecordWriter::RecordWriter(const LogBatch& batch, uint32_t record, std::string_view attributes,
                           Arena& arena)
    : time_(static_cast<uint64_t>(std::max<int64_t>(batch.timestamps[record], 0))),
      body_(make_valid_utf8(batch.bodies[record], arena)),
      attributes_(attributes) {
  if (batch.severities != nullptr) {
    const auto number = static_cast<uint32_t>(batch.severities[record]);
    severity_ = number < kSeverityNames.size() ? number : 0;
    severity_text_ = kSeverityNames[severity_];
  }
  if (batch.metadata != nullptr) {
    const MetaSpan metadata = batch.metadata[record];
    pairs_ = arena.array<MetaPair>(metadata.count);
    for (uint32_t i = 0; i < metadata.count; ++i) {
      const MetaPair pair{make_valid_utf8(metadata.pairs[i].name, arena),
                          make_valid_utf8(metadata.pairs[i].value, arena)};
      if (!take(pair)) {
        pairs_[count_++] = pair;
      }
    }
  }
  size_ = kFixed64FieldSize + bytes_field_size(otlp::log_record::kBody, value_size(body_)) +
          attributes_.size();
  if (severity_ != 0) {
    size_ += varint_field_size(otlp::log_record::kSeverityNumber, severity_);
  }
  if (!severity_text_.empty()) {
    size_ += bytes_field_size(otlp::log_record::kSeverityText, severity_text_.size());
  }
  for (uint32_t i = 0; i < count_; ++i) {
    size_ += bytes_field_size(otlp::log_record::kAttributes, pair_size(pairs_[i]));
  }
  size_ += has_trace_ ? bytes_field_size(otlp::log_record::kTraceId, trace_id_.size()) : 0;
  size_ += has_span_ ? bytes_field_size(otlp::log_record::kSpanId, span_id_.size()) : 0;
  size_ += observed_ != 0 ? kFixed64FieldSize : 0;
}

bool RecordWriter::take(const MetaPair& pair) noexcept {
  if (pair.name == "trace_id" && !has_trace_) {
    return has_trace_ = otlp::read_hex_id(pair.value, trace_id_);
  }
  if (pair.name == "span_id" && !has_span_) {
    return has_span_ = otlp::read_hex_id(pair.value, span_id_);
  }
  if (pair.name == "severity_text" && !pair.value.empty()) {
    severity_text_ = pair.value;
    return true;
  }
  if (pair.name == "severity_number") {
    return severity_ != 0 && number_in(pair.value) == severity_;  // it is said already
  }
  if (pair.name == "observed_timestamp" && observed_ == 0) {
    observed_ = number_in(pair.value);
    return observed_ != 0;
  }
  return false;
}

size_t RecordWriter::field_size() const noexcept {
  return bytes_field_size(otlp::scope_x::kRecords, size_);
}

char* RecordWriter::write(char* to) const noexcept {
  to = write_bytes_header(to, otlp::scope_x::kRecords, size_);
  to = write_fixed64_field(to, otlp::log_record::kTime, time_);
  if (severity_ != 0) {
    to = write_varint_field(to, otlp::log_record::kSeverityNumber, severity_);
  }
  if (!severity_text_.empty()) {
    to = write_bytes_field(to, otlp::log_record::kSeverityText, severity_text_);
  }
  to = write_bytes_header(to, otlp::log_record::kBody, value_size(body_));
  to = write_bytes_field(to, otlp::any_value::kString, body_);
  to = std::copy(attributes_.begin(), attributes_.end(), to);
  for (uint32_t i = 0; i < count_; ++i) {
    const MetaPair& pair = pairs_[i];
    to = write_bytes_header(to, otlp::log_record::kAttributes, pair_size(pair));
    to = write_bytes_field(to, otlp::key_value::kKey, pair.name);
    to = write_bytes_header(to, otlp::key_value::kValue, value_size(pair.value));
    to = write_bytes_field(to, otlp::any_value::kString, pair.value);
  }
  if (has_trace_) {
    to = write_bytes_field(to, otlp::log_record::kTraceId, {trace_id_.data(), trace_id_.size()});
  }
  if (has_span_) {
    to = write_bytes_field(to, otlp::log_record::kSpanId, {span_id_.data(), span_id_.size()});
  }
  if (observed_ != 0) {
    to = write_fixed64_field(to, otlp::log_record::kObservedTime, observed_);
  }
  return to;
}

}  // namespace tailrace::converters::logs_to_otlp
