#include "plugins/converters/otlp_to_metrics/series_cache.h"

#include <utility>

namespace tailrace::converters::otlp_to_metrics {

namespace {

/// Of a map's node, beside what is kept in it.
constexpr size_t kNode = 64;

}  // namespace

void SeriesCache::begin_unit() {
  context_ = nullptr;
  if (!is_full_) {
    return;
  }
  const int64_t now = clock_.monotonic_ns();
  if (!forgot_ns_ || now - *forgot_ns_ >= kForgetEveryNs) {
    contexts_.clear();
    memory_.hold(0);
    is_full_ = false;
    forgot_ns_ = now;
  }
}

void SeriesCache::begin_context(std::string_view context) {
  const auto found = contexts_.find(context);
  if (found != contexts_.end()) {
    context_ = &found->second;
    return;
  }
  context_ = take(kNode + sizeof(Context) + context.size())
                 ? &contexts_.try_emplace(std::string(context)).first->second
                 : nullptr;
}

const SeriesCache::Entry* SeriesCache::find(std::string_view point) const {
  if (context_ == nullptr) {
    return nullptr;
  }
  const auto found = context_->find(point);
  return found == context_->end() ? nullptr : &found->second;
}

void SeriesCache::learn(std::string_view point, std::span<const MetricSeries> rows) {
  size_t text_size = 0;
  for (const MetricSeries& series : rows) {
    text_size += series.encoded_labels.size();
  }
  const size_t size = kNode + point.size() + sizeof(Entry) + rows.size() * sizeof(Row) + text_size;
  if (context_ == nullptr || !take(size)) {
    return;
  }
  Entry& entry = (*context_)[std::string(point)];
  entry.text.reserve(text_size);
  entry.rows.reserve(rows.size());
  for (const MetricSeries& series : rows) {
    const size_t from = entry.text.size();
    entry.text.append(series.encoded_labels);
    entry.rows.push_back(
        {std::string_view(entry.text).substr(from, series.encoded_labels.size()), series.hash});
  }
}

bool SeriesCache::take(size_t bytes) noexcept {
  is_full_ = !memory_.hold(memory_.bytes() + bytes);
  return !is_full_;
}

}  // namespace tailrace::converters::otlp_to_metrics
