#include "plugins/common/prom/scrape_cache/scrape_cache.h"

#include <fmt/format.h>

#include "plugins/common/prom/scrape_cache/page.h"

namespace tailrace::common::prom {

ScrapeCache::ScrapeCache(SeriesMaker& maker, const PageOptions& options)
    : impl_(std::make_unique<Impl>(maker, options)) {}
ScrapeCache::~ScrapeCache() = default;
void ScrapeCache::begin(PageFormat format, int64_t timestamp) {
  impl_->begin(format, timestamp);
}
bool ScrapeCache::feed(std::string_view bytes) {
  return impl_->feed(bytes);
}
bool ScrapeCache::finish() {
  return impl_->finish();
}
void ScrapeCache::abandon() {
  impl_->abandon();
}
void ScrapeCache::stale(int64_t timestamp) {
  impl_->stale(timestamp);
}
const PageError& ScrapeCache::error() const noexcept {
  return impl_->error();
}
const PageCounts& ScrapeCache::counts() const noexcept {
  return impl_->counts();
}
uint64_t ScrapeCache::waiting_rows() const noexcept {
  return impl_->waiting_rows();
}
uint64_t ScrapeCache::waiting_bytes() const noexcept {
  return impl_->waiting_bytes();
}
bool ScrapeCache::take(MetricBatch& batch, Arena& arena, uint32_t max_rows) {
  return impl_->take(batch, arena, max_rows);
}
uint64_t ScrapeCache::live_series() const noexcept {
  return impl_->live();
}
uint64_t ScrapeCache::entries() const noexcept {
  return impl_->entries();
}
size_t ScrapeCache::bytes() const noexcept {
  return impl_->bytes();
}
void ScrapeCache::count_attachments() noexcept {
  impl_->count_attachments();
}

void ScrapeCache::Impl::begin(PageFormat format, int64_t timestamp) {
  finish_walk();
  if (entries_.wants_compaction()) {
    entries_.compact();
    count_attachments();
  }
  if (parser_ == nullptr || format != format_) {
    parser_ = std::make_unique<LineParser>(format == PageFormat::openmetrics);
  }
  format_ = format;
  timestamp_ = timestamp;
  ++page_;
  last_ = kNoId;
  ended_ = failed_ = false;
  error_ = {};
  counts_ = {};
  line_number_ = fast_lines_ = sampled_ = live_again_ = 0;
  type_ = MetricType::unknown;
  format_shift_ = format == PageFormat::openmetrics ? 3 : 0;
  type_bit_ = fast_type_bit_ = static_cast<uint8_t>(kOtherType << format_shift_);
  family_ = nullptr;
  page_arena_.reset(64 * 1024);
  carried_ = {};
  is_quoted_ = over_bucket_limit_ = false;
  collecting_ = kNoId;
  collected_.clear();
  exemplars_.clear();
  further_.clear();
  further_last_.clear();
  histograms_.clear();
}

bool ScrapeCache::Impl::feed(std::string_view bytes) {
  if (failed_) {
    return false;
  }
  counts_.bytes += bytes.size();
  if (options_.body_size_limit != 0 && counts_.bytes >= options_.body_size_limit) {
    return fail(PageError::Kind::body_size,
                fmt::format("body size limit exceeded: {} bytes", options_.body_size_limit));
  }
  if (bytes.empty()) {
    return true;
  }
  return format_ == PageFormat::protobuf ? feed_protobuf(bytes)
                                         : feed_text(bytes.data(), bytes.data() + bytes.size());
}

bool ScrapeCache::Impl::finish() {
  if (counts_.bytes == 0 && !failed_) {
    // An empty page is a good one in every format, and nothing is forgotten for its sake.
    stale(timestamp_);
    return true;
  }
  if (!failed_) {
    format_ == PageFormat::protobuf ? finish_protobuf() : finish_text();
    end_collecting();
  }
  count_fast_lines();
  if (!failed_ && options_.sample_limit != 0 && sampled_ > options_.sample_limit) {
    fail(PageError::Kind::sample_limit, fmt::format("sample limit exceeded: {} samples, limit: {}",
                                                    sampled_, options_.sample_limit));
  }
  if (over_bucket_limit_) {
    fail(PageError::Kind::bucket_limit, fmt::format("histogram bucket limit exceeded: limit {}",
                                                    options_.native_histogram_bucket_limit));
  }
  if (failed_) {
    return false;
  }
  last_good_page_ = page_;
  bytes_left_ = counts_.bytes;
  prepare_walk(Walk::good);
  return true;
}

void ScrapeCache::Impl::abandon() {
  failed_ = true;
  carried_ = {};
}

void ScrapeCache::Impl::stale(int64_t timestamp) {
  finish_walk();
  stale_timestamp_ = timestamp;
  // Pages that fail one after the other, each with labels of its own, must not fill the memory.
  forgets_ = entries() > good_entries_ * 2 + 1000;
  exemplars_.clear();
  further_.clear();
  prepare_walk(Walk::stale);
}

/// Takes what nobody has taken: the walk also keeps the books.
void ScrapeCache::Impl::finish_walk() {
  if (walk_ != Walk::none && walk_at_ == entries_.size() && further_at_ == further_.size()) {
    end_walk();
  }
  if (walk_ == Walk::none) {
    return;
  }
  Arena nowhere(4096);
  MetricBatch batch;
  while (take(batch, nowhere, 1024)) {
    nowhere.reset();
  }
}

size_t ScrapeCache::Impl::bytes() const noexcept {
  return sizeof *this + entries_.bytes() + page_arena_.reserved_bytes() + carried_.capacity() +
         attachment_bytes_;
}

void ScrapeCache::Impl::count_attachments() noexcept {
  attachment_bytes_ = 0;
  for (uint32_t id = 0; id < entries_.size(); ++id) {
    attachment_bytes_ += entries_.series(id).attachments.bytes();
  }
}

void ScrapeCache::Impl::count_fast_lines() noexcept {
  counts_.scraped += fast_lines_;
  counts_.post_relabel += fast_lines_;
  sampled_ += fast_lines_;
  fast_lines_ = 0;
}

bool ScrapeCache::Impl::fail(PageError::Kind kind, std::string text) {
  if (!failed_) {
    failed_ = true;
    count_fast_lines();
    error_ = {kind, std::move(text)};
  }
  return false;
}

bool ScrapeCache::Impl::broken(std::string text) {
  const bool has_lines = format_ != PageFormat::protobuf;
  return fail(PageError::Kind::broken,
              has_lines ? fmt::format("line {}: {}", line_number_, text) : std::move(text));
}

}  // namespace tailrace::common::prom
