#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "codec/decimal.h"
#include "codec/varint.h"
#include "plugins/common/prom/scrape_cache/native_histogram.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// Classic histograms of the text formats that become native ones: the lines of one are collected
/// while they come behind each other, and end with whatever else comes.
/// Source: Prometheus model/textparse/nhcbparse.go.
namespace tailrace::common::prom {
namespace {

void append_text(std::string& key, std::string_view text) {
  char bytes[codec::kMaxVarintBytes];
  key.append(bytes, codec::write_varint(bytes, text.size()));
  key += text;
}

}  // namespace

/// Whether the series `scraped_` is to be collected; `part` says as what.
bool ScrapeCache::Impl::is_part(HistogramPart& part) const {
  if (!options_.classic_to_custom_buckets || type_ != MetricType::histogram || family_ == nullptr) {
    return false;
  }
  std::string_view name;
  std::string_view bound;
  for (const Label& label : scraped_) {
    if (label.name == "__name__") {
      name = label.value;
    } else if (label.name == "le") {
      bound = label.value;
    }
  }
  if (!name.starts_with(family_->name)) {
    return false;
  }
  const std::string_view suffix = name.substr(family_->name.size());
  part.kind = suffix == "_count" ? HistogramPart::Kind::count
              : suffix == "_sum" ? HistogramPart::Kind::sum
                                 : HistogramPart::Kind::bucket;
  return part.kind != HistogramPart::Kind::bucket ||
         (suffix == "_bucket" && codec::parse_decimal(bound, part.bound) &&
          !std::isnan(part.bound));
}

/// An entry for a text that is a part; `scraped_` holds its labels. kNoId: as new_entry().
uint32_t ScrapeCache::Impl::new_part(std::string_view text, HistogramPart part) {
  const std::vector<Label> of_part = scraped_;
  std::erase_if(scraped_, [](const Label& label) { return label.name == "le"; });
  for (Label& label : scraped_) {
    label.value = label.name == "__name__" ? std::string_view(family_->name) : label.value;
  }
  std::stable_sort(scraped_.begin(), scraped_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  key_.assign(1, '\0');  // no line of a text format begins so
  for (const Label& label : scraped_) {
    append_text(key_, label.name);
    append_text(key_, label.value);
  }
  part.histogram = entries_.find(key_, type_bit_);
  if (part.histogram == kNoId) {
    part.histogram = new_entry(key_, type_bit_);
  }
  if (part.histogram == kNoId) {
    return kNoId;
  }
  uint32_t id = kNoId;
  if (options_.always_classic_histograms) {
    scraped_ = of_part;
    id = new_entry(text, type_bit_);
  } else {
    id = entries_.add(text, Entry::kDropped, type_bit_);
  }
  if (id != kNoId) {
    entries_[id].flags |= Entry::kPart;
    entries_.parts[id] = part;
  }
  return id;
}

/// A sample has come: ends the histogram at hand if it is none of its parts. True: it was taken for
/// a histogram, and is no sample by itself.
bool ScrapeCache::Impl::collect(uint32_t id, const FoundSample& sample) {
  const bool is_part = entries_[id].has(Entry::kPart);
  if (!is_part && collecting_ == kNoId) {
    return false;
  }
  const HistogramPart part = is_part ? entries_.parts.at(id) : HistogramPart{};
  if (part.histogram != collecting_ || fast_lines_ != collected_at_fast_) {
    end_collecting();
  }
  if (!is_part) {
    return false;
  }
  if (collecting_ == kNoId) {
    collecting_ = part.histogram;
    collected_first_ = sample;
    Entry& histogram = entries_[collecting_];
    if (histogram.seen != page_) {
      // It stands in the page, whether or not these samples turn out to be a histogram.
      histogram.seen = page_;
      histogram.flags |= Entry::kNoSample;
    }
  }
  collected_at_fast_ = fast_lines_;
  const double value = std::bit_cast<double>(sample.value);
  switch (part.kind) {
    case HistogramPart::Kind::bucket:
      collected_.add_bucket(part.bound, value);
      break;
    case HistogramPart::Kind::count:
      collected_.set_count(value);
      break;
    case HistogramPart::Kind::sum:
      collected_.set_sum(value);
      break;
  }
  if (options_.always_classic_histograms) {
    return false;
  }
  entries_[id].seen = page_;
  return true;
}

/// What was collected becomes a sample, if it is a histogram.
void ScrapeCache::Impl::end_collecting() {
  if (collecting_ == kNoId) {
    return;
  }
  const uint32_t id = std::exchange(collecting_, kNoId);
  FoundSample sample = collected_first_;
  sample.histogram = collected_.convert(page_arena_);
  collected_.clear();
  const bool is_dropped = entries_[id].has(Entry::kDropped);
  if (sample.histogram != nullptr && (is_dropped || check_bucket_limit(*sample.histogram))) {
    found(id, sample);
  }
}

/// Custom buckets cannot be made coarser.
bool ScrapeCache::Impl::check_bucket_limit(const NativeHistogram& histogram) {
  const uint64_t limit = options_.native_histogram_bucket_limit;
  over_bucket_limit_ = over_bucket_limit_ || (limit != 0 && bucket_count(histogram) > limit);
  return !over_bucket_limit_;
}

}  // namespace tailrace::common::prom
