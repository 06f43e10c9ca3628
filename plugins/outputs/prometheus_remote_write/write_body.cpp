#include "plugins/outputs/prometheus_remote_write/write_body.h"

#include <algorithm>
#include <cstring>

#include "tailrace/check.h"

#include "codec/proto_writer.h"
#include "codec/snappy.h"

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::SeriesRow;
using common::prom::WriteVersion;

namespace {

namespace series = common::prom::v1::series;
namespace sample = common::prom::sample;

constexpr auto kSeriesTag = static_cast<char>(
    codec::proto_tag(common::prom::v1::request::kTimeseries, codec::WireType::bytes));
constexpr auto kSampleTag =
    static_cast<char>(codec::proto_tag(series::kSamples, codec::WireType::bytes));
constexpr auto kValueTag =
    static_cast<char>(codec::proto_tag(sample::kValue, codec::WireType::fixed64));
constexpr auto kTimeTag =
    static_cast<char>(codec::proto_tag(sample::kTimestamp, codec::WireType::varint));

/// Series that the loop is ahead with its reads: their bytes lie all over memory.
constexpr uint32_t kLabelsAhead = 8;

/// A Sample as a field of TimeSeries, made once for all rows of one time; the value is filled in.
class SampleField {
 public:
  /// Bytes that put() may touch.
  static constexpr size_t kRoom = 24;

  explicit SampleField(int64_t timestamp) noexcept { set_time(timestamp); }
  void set_time(int64_t timestamp) noexcept {
    timestamp_ = timestamp;
    text_[0] = kSampleTag;
    text_[2] = kValueTag;
    text_[kValueAt + 8] = kTimeTag;
    char* const end = codec::write_varint(text_ + kValueAt + 9, static_cast<uint64_t>(timestamp));
    size_ = static_cast<size_t>(end - text_);
    text_[1] = static_cast<char>(size_ - 2);
  }
  int64_t timestamp() const noexcept { return timestamp_; }
  size_t size() const noexcept { return size_; }
  char* put(char* to, uint64_t value) const noexcept {
    std::memcpy(to, text_, kRoom);
    std::memcpy(to + kValueAt, &value, sizeof value);
    return to + size_;
  }

 private:
  static constexpr size_t kValueAt = 3;
  char text_[kRoom] = {};
  size_t size_ = 0;
  int64_t timestamp_ = 0;
};
static_assert(1 + 5 + SampleField::kRoom <= common::prom::kRowOverheadV1);

/// memcpy, in line for the sizes that labels have: a call costs as much as the copy (measured: 1.4
/// times as many samples a second).
inline char* copy_bytes(char* to, std::string_view from) noexcept {
  constexpr size_t kStep = 32;
  const size_t size = from.size();
  if (size < kStep || size > 512) {
    std::memcpy(to, from.data(), size);
    return to + size;
  }
  const char* at = from.data();
  const char* const last = at + size - kStep;
  char* const end = to + size;
  for (; at < last; at += kStep, to += kStep) {
    std::memcpy(to, at, kStep);
  }
  std::memcpy(end - kStep, last, kStep);  // overlaps what was copied before
  return end;
}

char* put_labels(char* to, std::string_view labels, size_t content) noexcept {
  *to++ = kSeriesTag;
  to = codec::write_varint(to, content);
  return copy_bytes(to, labels);
}

}  // namespace

WriteVersion WriteBody::version() {
  if (!begun_) {
    begun_ = true;
    version_ = memory_->version();
    series_ = memory_->take();
  }
  return version_;
}

void WriteBody::begin_part(uint32_t part) {
  TR_ASSERT(begun_ && part == pieces_.size());
  (void)part;
  open_offset_ = static_cast<uint32_t>(series_.size());
  writer_.begin_run();
}

void WriteBody::end_part() {
  TR_CHECK(series_.size() + symbols_.bytes() + metadata_.size() <= UINT32_MAX);
  pieces_.push_back({open_offset_, static_cast<uint32_t>(series_.size()) - open_offset_});
}

void WriteBody::append_samples(const MetricSeries* const* series, const int64_t* timestamps,
                               const uint64_t* values, uint32_t count, size_t bound) {
  TR_ASSERT(version_ == WriteVersion::v1);
  records_ += count;
  write_samples(series_, series, timestamps, values, count, bound);
}

void write_samples(codec::GrowingBuffer& buffer, const MetricSeries* const* all,
                   const int64_t* timestamps, const uint64_t* values, uint32_t count,
                   size_t bound) {
  TR_ASSERT(count > 0);
  char* to = buffer.reserve(bound);
  SampleField field(timestamps[0]);
  for (uint32_t i = 0; i < count; ++i) {
    if (i + kLabelsAhead < count) {
      __builtin_prefetch(all[i + kLabelsAhead]->encoded_labels.data());
    }
    const std::string_view labels = all[i]->encoded_labels;
    if (timestamps[i] != field.timestamp()) [[unlikely]] {
      field.set_time(timestamps[i]);
    }
    if (i + 1 == count || all[i + 1] != all[i]) [[likely]] {
      to = put_labels(to, labels, labels.size() + field.size());
      to = field.put(to, values[i]);
      continue;
    }
    // Several samples in a row of one series: one TimeSeries.
    const uint32_t first = i;
    size_t content = labels.size();
    do {
      content += SampleField(timestamps[i]).size();
      ++i;
    } while (i < count && all[i] == all[first]);
    to = put_labels(to, labels, content);
    for (uint32_t j = first; j < i; ++j) {
      field.set_time(timestamps[j]);
      to = field.put(to, values[j]);
    }
    --i;
  }
  buffer.advance_to(to);
}

void WriteBody::append_rows(std::span<const SeriesRow> rows) {
  records_ += rows.size();
  for (size_t from = 0; from < rows.size();) {
    size_t to = from + 1;
    while (to < rows.size() && rows[from].joins(rows[to])) {
      ++to;
    }
    const auto one_series = rows.subspan(from, to - from);
    if (version_ == WriteVersion::v1) {
      common::prom::write_series_v1(series_, one_series);
    } else {
      writer_.write(series_, symbols_, one_series);
    }
    from = to;
  }
}

void WriteBody::append_metadata(const MetricFamily& family) {
  common::prom::write_metadata_v1(metadata_, family);
}

size_t WriteBody::bytes() const noexcept {
  const size_t size = series_.size() + metadata_.size() + symbols_.bytes();
  // What is full by its count looks full by its size, so that the request is sealed.
  return full_at_ != 0 && records_ >= full_at_ ? std::max(size, size_t{UINT32_MAX}) : size;
}

Bytes WriteBody::seal(std::span<PartRange> parts) {
  TR_CHECK(parts.size() == pieces_.size());
  const auto before = static_cast<uint32_t>(symbols_.bytes());
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].offset = before + pieces_[i].offset;
    parts[i].length = pieces_[i].length;
  }
  std::vector<std::string_view> pieces;
  for (const std::string_view piece :
       {symbols_.encoded(), series_.view(0, series_.size()), metadata_.view(0, metadata_.size())}) {
    if (!piece.empty()) {
      pieces.push_back(piece);
    }
  }
  Bytes payload = codec::snappy_compress(pieces);
  memory_->note_sealed(version());
  memory_->give_back(std::move(series_));
  metadata_.release();
  symbols_.clear();
  pieces_.clear();
  records_ = 0;
  begun_ = false;
  return payload;
}

}  // namespace tailrace::outputs::prometheus_remote_write
