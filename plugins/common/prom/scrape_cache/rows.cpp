#include <algorithm>
#include <bit>

#include "plugins/common/prom/point_rows.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// The walk over all entries that makes rows of what a page has left, and stale markers of what is
/// gone. It goes by ids, which is the order in which series came first.
namespace tailrace::common::prom {
namespace {

const NativeHistogram& stale_histogram() noexcept {
  static const NativeHistogram stale = [] {
    NativeHistogram histogram;
    histogram.sum = std::bit_cast<double>(kStaleNan);
    return histogram;
  }();
  return stale;
}

}  // namespace

/// Where take() writes; there is room for `room` rows of each kind.
struct ScrapeCache::Impl::Rows {
  Arena& arena;
  uint32_t room;
  uint32_t size = 0;
  const MetricSeries** series = nullptr;
  int64_t* timestamps = nullptr;
  uint64_t* values = nullptr;
  int64_t* created = nullptr;  // null: nobody has one
  HistogramRow* histograms = nullptr;
  uint32_t histogram_count = 0;
  ExemplarRow* exemplars = nullptr;
  uint32_t exemplar_count = 0;

  uint32_t count() const noexcept { return size + histogram_count; }
  void add(const MetricSeries& of, int64_t timestamp, uint64_t value, int64_t start) noexcept {
    series[size] = &of;
    timestamps[size] = timestamp;
    values[size] = value;
    if (created != nullptr) {
      created[size] = start;
    }
    ++size;
  }
  void add(const MetricSeries& of, int64_t timestamp, const NativeHistogram& histogram,
           int64_t start) {
    if (histograms == nullptr) {
      histograms = arena.array<HistogramRow>(room);
    }
    histograms[histogram_count++] = {&of, timestamp, start, &histogram};
  }
};

uint64_t ScrapeCache::Impl::waiting_rows() const noexcept {
  return walk_ == Walk::none ? 0 : rows_expected_ - rows_taken_;
}

uint64_t ScrapeCache::Impl::waiting_bytes() const noexcept {
  // Sample (value, timestamp, headers), and the headers of the series.
  static constexpr uint64_t kAroundLabels = 40;
  const uint64_t rows = waiting_rows();
  return std::min(encoded_left_, rows * entries_.most_encoded_bytes()) + rows * kAroundLabels;
}

void ScrapeCache::Impl::prepare_walk(Walk walk) {
  walk_ = walk;
  walk_at_ = 0;
  exemplar_at_ = further_at_ = histogram_at_ = 0;
  rows_taken_ = 0;
  encoded_left_ = entries_.encoded_bytes();
  rows_expected_ = live_;
  if (walk == Walk::good) {
    rows_expected_ = sampled_ + live_ - live_again_;
    const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
    std::stable_sort(exemplars_.begin(), exemplars_.end(), by_id);
    std::stable_sort(histograms_.begin(), histograms_.end(), by_id);
    index_created_lines();
  }
}

void ScrapeCache::Impl::index_created_lines() {
  created_by_key_.clear();
  for (uint32_t id = 0; has_created_lines_ && id < entries_.created_keys.size(); ++id) {
    const Entry& entry = entries_[id];
    if (entry.has(Entry::kCreatedLine) && entry.seen == page_ &&
        !entry.has(Entry::kAlias | Entry::kNoSample)) {
      const double ms = std::bit_cast<double>(entry.value) * 1000;
      if (ms > 0 && ms < 9e18) {
        created_by_key_.emplace(entries_.created_keys[id], static_cast<int64_t>(ms));
      }
    }
  }
}

int64_t ScrapeCache::Impl::created_of(uint32_t id, const Entry& entry) const {
  if (format_ == PageFormat::protobuf) {
    return id < entries_.created.size() ? entries_.created[id] : 0;
  }
  if (entry.has(Entry::kCreatedLine) || id >= entries_.created_keys.size()) {
    return 0;
  }
  const auto at = created_by_key_.find(entries_.created_keys[id]);
  return at == created_by_key_.end() ? 0 : at->second;
}

bool ScrapeCache::Impl::take(MetricBatch& batch, Arena& arena, uint32_t max_rows) {
  if (walk_ == Walk::none) {
    return false;
  }
  static constexpr uint32_t kMostPerEntry = 2;  // a sample and a stale marker
  const uint64_t least = waiting_rows() + kMostPerEntry;
  Rows rows{arena,
            static_cast<uint32_t>(std::min<uint64_t>(least, std::max(max_rows, kMostPerEntry)))};
  rows.series = arena.array<const MetricSeries*>(rows.room);
  rows.timestamps = arena.array<int64_t>(rows.room);
  rows.values = arena.array<uint64_t>(rows.room);
  if (walk_ == Walk::good && (!created_by_key_.empty() || entries_.created.size() != 0)) {
    rows.created = arena.array<int64_t>(rows.room);
  }
  if (exemplar_at_ < exemplars_.size()) {
    rows.exemplars = arena.array<ExemplarRow>(exemplars_.size() - exemplar_at_);
  }
  const uint32_t size = entries_.size();
  const uint32_t nearly_full = rows.room - rows.room / 8;
  while (walk_at_ < size && rows.count() + kMostPerEntry <= rows.room) {
    if (rows.count() >= nearly_full && begins_point(walk_at_, rows)) {
      break;
    }
    walk_ == Walk::good ? walk_good(walk_at_, rows) : walk_stale(walk_at_, rows);
    ++walk_at_;
  }
  while (walk_at_ == size && further_at_ < further_.size() && rows.count() < rows.room) {
    const FurtherSample& further = further_[further_at_++];
    rows.add(entries_.series(further.id), further.timestamp, further.value, 0);
  }
  const uint32_t count = rows.count();
  const bool is_last = walk_at_ == size && further_at_ == further_.size();
  if (count == 0) {
    end_walk();
    return false;
  }
  batch = MetricBatch();
  batch.size = rows.size;
  batch.series = rows.series;
  batch.timestamps = rows.timestamps;
  batch.values = rows.values;
  batch.created = rows.created;
  batch.histograms = {rows.histograms, rows.histogram_count};
  batch.exemplars = {rows.exemplars, rows.exemplar_count};
  if (walk_ == Walk::good) {
    const uint64_t share =
        is_last
            ? bytes_left_
            : std::min(bytes_left_, counts_.bytes * count / std::max<uint64_t>(rows_expected_, 1));
    batch.source_bytes = share;
    bytes_left_ -= share;
  }
  rows_taken_ = std::min(rows_taken_ + count, rows_expected_);
  return true;
}

bool ScrapeCache::Impl::begins_point(uint32_t id, const Rows& rows) {
  const Entry& entry = entries_[id];
  if (entry.has(Entry::kDead | Entry::kMeta | Entry::kDropped | Entry::kAlias)) {
    return false;  // no row: what comes behind it decides
  }
  return rows.size == 0 || !are_of_one_point(*rows.series[rows.size - 1], entries_.series(id));
}

void ScrapeCache::Impl::walk_good(uint32_t id, Rows& rows) {
  Entry& entry = entries_[id];
  if (entry.has(Entry::kDead)) {
    return;
  }
  if (entry.seen == page_) {
    if (entry.has(Entry::kNoSample) && entry.has(Entry::kLive)) {
      stale_row(id, entry, rows);
    } else if (!entry.has(Entry::kMeta | Entry::kDropped | Entry::kAlias | Entry::kNoSample)) {
      good_row(id, entry, rows);
    }
    return;
  }
  if (entry.has(Entry::kLive)) {
    stale_row(id, entry, rows);
  }
  entries_.kill(id);
}

void ScrapeCache::Impl::walk_stale(uint32_t id, Rows& rows) {
  Entry& entry = entries_[id];
  if (entry.has(Entry::kDead)) {
    return;
  }
  if (entry.has(Entry::kLive)) {
    stale_row(id, entry, rows);
  }
  if (forgets_ && entry.seen != page_) {
    entries_.kill(id);
  }
}

void ScrapeCache::Impl::good_row(uint32_t id, Entry& entry, Rows& rows) {
  const bool is_explicit = entry.has(Entry::kExplicit);
  const int64_t timestamp = is_explicit ? entries_.timestamps[id] : timestamp_;
  const int64_t start = rows.created != nullptr ? created_of(id, entry) : 0;
  const MetricSeries& series = entries_.series(id);
  encoded_left_ -= std::min<uint64_t>(encoded_left_, series.encoded_labels.size());
  if (!entry.has(Entry::kHistogram)) {
    rows.add(series, timestamp, entry.value, start);
  } else {
    while (histograms_[histogram_at_].id < id) {
      ++histogram_at_;
    }
    rows.add(series, timestamp, *histograms_[histogram_at_].histogram, start);
  }
  exemplar_rows(id, rows);
  const bool tracked = !is_explicit || options_.track_timestamps_staleness;
  if (tracked && !entry.has(Entry::kLive)) {
    entry.flags |= Entry::kLive;
    ++live_;
  } else if (!tracked && entry.has(Entry::kLive)) {
    // It had no timestamp of its own last time. Prometheus then marks it stale as if it were gone;
    // its storage drops the marker where the sample is not older.
    if (timestamp < timestamp_) {
      stale_row(id, entry, rows);
    } else {
      entry.flags &= static_cast<uint16_t>(~Entry::kLive);
      --live_;
    }
  }
}

void ScrapeCache::Impl::stale_row(uint32_t id, Entry& entry, Rows& rows) {
  entry.flags &= static_cast<uint16_t>(~Entry::kLive);
  --live_;
  const MetricSeries& series = entries_.series(id);
  const int64_t timestamp = walk_ == Walk::good ? timestamp_ : stale_timestamp_;
  if (entry.has(Entry::kHistogram)) {
    rows.add(series, timestamp, stale_histogram(), 0);
  } else {
    rows.add(series, timestamp, kStaleNan, 0);
  }
}

void ScrapeCache::Impl::exemplar_rows(uint32_t id, Rows& rows) {
  while (exemplar_at_ < exemplars_.size() && exemplars_[exemplar_at_].id <= id) {
    const Exemplar& exemplar = exemplars_[exemplar_at_++];
    if (exemplar.id == id) {
      entries_.exemplar_hashes.grow_to(id + 1);
      entries_.exemplar_hashes[id] = exemplar.hash;
      rows.exemplars[rows.exemplar_count++] = {&entries_.series(id), exemplar.labels,
                                               exemplar.value, exemplar.timestamp};
    }
  }
}

void ScrapeCache::Impl::end_walk() {
  if (walk_ == Walk::good) {
    good_entries_ = entries();
  }
  walk_ = Walk::none;
}

}  // namespace tailrace::common::prom
