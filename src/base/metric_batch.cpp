#include "tailrace/metric_batch.h"

#include <algorithm>
#include <new>

#include <xxhash.h>

#include "base/copy_array.h"

namespace tailrace {

const BatchType MetricBatch::kType{"metrics", Signal::metrics};

std::string_view to_string(MetricType type) noexcept {
  static constexpr std::string_view kNames[] = {"unknown",        "counter", "gauge", "histogram",
                                                "gaugehistogram", "summary", "info",  "stateset"};
  return kNames[static_cast<size_t>(type)];
}

void SeriesAttachments::set(uint32_t slot, std::unique_ptr<LabelAttachment> what) {
  if (slots_ == nullptr) {
    slots_ = std::make_unique<std::vector<std::unique_ptr<LabelAttachment>>>();
  }
  if (slots_->size() <= slot) {
    slots_->resize(slot + 1);
  }
  (*slots_)[slot] = std::move(what);
}

size_t SeriesAttachments::bytes() const noexcept {
  if (slots_ == nullptr) {
    return 0;
  }
  size_t sum = sizeof *slots_ + slots_->capacity() * sizeof(slots_->front());
  for (const auto& slot : *slots_) {
    sum += slot == nullptr ? 0 : slot->bytes();
  }
  return sum;
}

uint64_t series_hash(std::string_view encoded_labels) noexcept {
  return XXH3_64bits(encoded_labels.data(), encoded_labels.size());
}

namespace {

uint32_t read_length(const char*& at) noexcept {
  uint32_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    value |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      break;
    }
  }
  return value;
}

std::string_view read_text(const char*& at) noexcept {
  ++at;  // the tag
  const uint32_t size = read_length(at);
  const std::string_view text(at, size);
  at += size;
  return text;
}

template <class T>
std::span<const T> copy_span(Arena& arena, std::span<const T> from) {
  return {copy_array(arena, from.data(), from.size()), from.size()};
}

}  // namespace

void EncodedLabels::Iterator::read() noexcept {
  if (at_ == end_) {
    return;
  }
  next_ = at_ + 1;
  (void)read_length(next_);
  label_.name = read_text(next_);
  label_.value = read_text(next_);
}

Weight MetricBatch::weight_of(uint32_t first, uint32_t last) const noexcept {
  const uint64_t all = records();
  if (all == 0) {
    return {};
  }
  // Rounded down at both ends, so that neighbours share a border.
  const auto share = [&](uint64_t of) { return of * last / all - of * first / all; };
  return {share(weight().records), share(source_bytes)};
}

Batch* MetricBatch::copy_views(Arena& arena) const {
  auto* copy = new (arena.allocate(sizeof(MetricBatch), alignof(MetricBatch))) MetricBatch(*this);
  copy->series = copy_array(arena, series, size);
  copy->timestamps = copy_array(arena, timestamps, size);
  copy->values = copy_array(arena, values, size);
  copy->created = copy_array(arena, created, size);
  copy->histograms = copy_span(arena, histograms);
  copy->exemplars = copy_span(arena, exemplars);
  return copy;
}

}  // namespace tailrace
