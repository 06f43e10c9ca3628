#include <algorithm>

#include "codec/hash.h"
#include "plugins/common/prom/exposition/metadata.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// Samples that have found their entry.
namespace tailrace::common::prom {
namespace {

/// Explicit timestamps that are further ahead of the scrape are not taken.
/// Source: Prometheus scrape/scrape.go, maxAheadTime.
constexpr int64_t kMostAheadMs = 10 * 60 * 1000;
/// Of an exemplar's label names and values together, in code points.
constexpr size_t kMostExemplarText = 128;

size_t code_points(std::string_view text) noexcept {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

void ScrapeCache::Impl::came(uint32_t id) noexcept {
  if (expected() != id) {
    if (entries_[id].seen == 0) {  // new: what was expected comes behind it
      entries_[id].next = expected();
    }
    (last_ == kNoId ? entries_.first : entries_[last_].next) = id;
  }
  last_ = id;
}

void ScrapeCache::Impl::found(uint32_t text_id, const FoundSample& sample) {
  if (collect(text_id, sample)) {
    return;
  }
  ++counts_.scraped;
  Entry& text_entry = entries_[text_id];
  if (text_entry.has(Entry::kDropped)) {
    text_entry.seen = page_;
    return;
  }
  ++counts_.post_relabel;
  const bool is_explicit = sample.has_timestamp && options_.honor_timestamps;
  const uint32_t id = owner(text_id);
  Entry& entry = entries_[id];
  if (text_entry.has(Entry::kHasAlias)) {
    uint32_t& text_page = entries_.text_page(text_id);
    counts_.added += text_page < last_good_page_ ? 1 : 0;  // its text is new again
    text_page = page_;
  }
  text_entry.seen = id == text_id ? text_entry.seen : page_;
  if (is_explicit && sample.timestamp > timestamp_ + kMostAheadMs) {
    ++counts_.out_of_bounds;
    if (entry.seen != page_) {
      entry.seen = page_;
      entry.flags |= Entry::kNoSample;
    }
    return;
  }
  if (entry.seen == page_ && !entry.has(Entry::kNoSample)) {
    if (is_explicit) {
      further_sample(id, sample);
    } else {
      ++counts_.duplicates;
    }
    return;
  }
  ++sampled_;
  // One that gets a timestamp of its own now may be marked stale all the same: see good_row().
  const bool stays_live = !is_explicit || options_.track_timestamps_staleness;
  live_again_ += stays_live ? entry.flags & Entry::kLive : 0;
  entry.seen = page_;
  entry.flags &= static_cast<uint16_t>(~(Entry::kNoSample | Entry::kExplicit | Entry::kHistogram));
  entry.value = sample.value;
  entry.value_size = 0;
  if (is_explicit) {
    entry.flags |= Entry::kExplicit;
    entries_.timestamps.grow_to(id + 1);
    entries_.timestamps[id] = sample.timestamp;
  }
  if (sample.created != 0 || id < entries_.created.size()) {
    entries_.created.grow_to(id + 1);
    entries_.created[id] = sample.created;
  }
  if (sample.histogram != nullptr) {
    entry.flags |= Entry::kHistogram;
    histograms_.push_back({id, sample.histogram});
  }
  if (fast_type_bit_ == 0 && family_ != nullptr) {
    // The family's metadata is new in this page: do the series know it?
    MetricSeries& series = entries_.series(id);
    std::string_view name;
    for (const Label& label : EncodedLabels(series.encoded_labels)) {
      name = label.name == "__name__" ? label.value : name;
    }
    if (is_part_of_family(name, family_->name, family_->type)) {
      series.family = family_;
    }
  }
}

/// A series that has a sample in this page already: a later one is taken, too.
void ScrapeCache::Impl::further_sample(uint32_t id, const FoundSample& sample) {
  const int64_t first = entries_[id].has(Entry::kExplicit) ? entries_.timestamps[id] : timestamp_;
  const auto at = further_last_.try_emplace(id, first).first;
  if (sample.timestamp == at->second) {
    ++counts_.duplicates;
  } else if (sample.timestamp < at->second || sample.histogram != nullptr) {
    ++counts_.out_of_order;
  } else {
    ++sampled_;
    at->second = sample.timestamp;
    further_.push_back({id, sample.timestamp, sample.value});
  }
}

void ScrapeCache::Impl::exemplar_of(uint32_t text_id, const SampleTail& tail) {
  if (!tail.has_exemplar || failed_) {
    return;
  }
  const bool is_part = entries_[text_id].has(Entry::kPart);
  const uint32_t id = is_part ? entries_.parts.at(text_id).histogram : owner(text_id);
  // A histogram's exemplars must have times: their order could not be told otherwise.
  if (entries_[id].has(Entry::kDropped) || (is_part && !tail.exemplar_has_timestamp)) {
    return;
  }
  const int64_t timestamp =
      tail.has_timestamp && options_.honor_timestamps ? tail.timestamp : timestamp_;
  const uint64_t hash = codec::stable_hash(tail.exemplar_text) | 1;
  if (id < entries_.exemplar_hashes.size() && entries_.exemplar_hashes[id] == hash) {
    return;  // was sent before
  }
  size_t length = 0;
  for (const Label& label : tail.exemplar_labels) {
    length += code_points(label.name) + code_points(label.value);
  }
  if (length > kMostExemplarText) {
    return;
  }
  Label* labels = page_arena_.array<Label>(tail.exemplar_labels.size());
  size_t count = 0;
  for (const Label& label : tail.exemplar_labels) {
    labels[count++] = {page_arena_.copy(label.name), page_arena_.copy(label.value)};
  }
  std::sort(labels, labels + count, [](const Label& a, const Label& b) { return a.name < b.name; });
  exemplars_.push_back({id,
                        hash,
                        {labels, count},
                        tail.exemplar_value,
                        tail.exemplar_has_timestamp ? tail.exemplar_timestamp : timestamp});
}

}  // namespace tailrace::common::prom
