#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

#include "plugins/common/prom/exposition/line_parser.h"
#include "plugins/common/prom/label_builder.h"
#include "plugins/common/prom/scrape_cache/classic_histogram.h"
#include "plugins/common/prom/scrape_cache/entries.h"
#include "plugins/common/prom/scrape_cache/scrape_cache.h"

namespace tailrace::common::prom {

/// A sample that found its entry. Histograms: `value` does not count.
struct FoundSample {
  uint64_t value = 0;  ///< bits
  bool has_timestamp = false;
  int64_t timestamp = 0;
  int64_t created = 0;
  const NativeHistogram* histogram = nullptr;  ///< In the page's arena.
};

/// The cache's inside: what one page does to the entries, and the rows that come of it.
///
/// A page goes through begin() … finish(), a walk over all entries makes the rows (take()). Until
/// the walk nothing of what the last good page left (Entry::kLive) is changed, so that a page that
/// turns out bad has changed nothing: values and their texts go together anyway.
class ScrapeCache::Impl {
 public:
  Impl(SeriesMaker& maker, const PageOptions& options) : maker_(maker), options_(options) {}

  void begin(PageFormat format, int64_t timestamp);
  bool feed(std::string_view bytes);
  bool finish();
  void abandon();
  void stale(int64_t timestamp);
  bool take(MetricBatch& batch, Arena& arena, uint32_t max_rows);

  const PageError& error() const noexcept { return error_; }
  const PageCounts& counts() const noexcept { return counts_; }
  uint64_t waiting_rows() const noexcept;
  uint64_t waiting_bytes() const noexcept;
  uint64_t live() const noexcept { return live_; }
  uint64_t entries() const noexcept { return entries_.size() - entries_.dead(); }
  size_t bytes() const noexcept;
  void count_attachments() noexcept;

 private:
  enum class Walk : uint8_t { none, good, stale };
  struct Exemplar {
    uint32_t id;
    uint64_t hash;
    std::span<const Label> labels;
    double value;
    int64_t timestamp;
  };
  /// A further sample of a series in this page, with a later timestamp.
  struct FurtherSample {
    uint32_t id;
    int64_t timestamp;
    uint64_t value;
  };
  struct PendingHistogram {
    uint32_t id;
    const NativeHistogram* histogram;
  };
  struct Rows;  // where take() writes

  // text_page.cpp: both text formats.
  bool feed_text(const char* at, const char* end);
  const char* fast_lines(const char* at, const char* end);
  const char* one_line(const char* at, const char* end);
  const char* continue_carried(const char* at, const char* end);
  const char* continue_quoted(const char* at, const char* end);
  void begin_quoted() noexcept {
    is_quoted_ = true;
    within_quotes_ = after_backslash_ = false;
    quotes_scanned_ = 0;
  }
  bool line(std::string_view line);  // false: it goes on behind its line break
  bool expected_line(std::string_view line);
  void parsed_sample();
  void finish_text();

  // page_metadata.cpp
  void parsed_metadata(LineKind kind, std::string_view line);
  void apply_metadata(LineKind kind, Family& family);
  void metadata_again(Entry& entry);
  void set_type(MetricType type) noexcept;
  void set_family(Family* family) noexcept;

  // new_series.cpp
  /// kNoId: the page has failed, or the series is over the limit.
  uint32_t new_entry(std::string_view text, uint8_t valid_types);
  bool check_series(std::span<const Label> labels);
  bool check_limits(std::span<const Label> labels);
  uint8_t types_with_these_labels();
  uint64_t created_key(bool& is_created_line) const;

  // histogram_parts.cpp: convert_classic_histograms_to_nhcb.
  bool is_part(HistogramPart& part) const;
  uint32_t new_part(std::string_view text, HistogramPart part);
  bool collect(uint32_t id, const FoundSample& sample);
  void end_collecting();
  bool check_bucket_limit(const NativeHistogram& histogram);
  ClassicHistogram collected_;
  FoundSample collected_first_;     // for its times
  uint32_t collecting_ = kNoId;     // the entry of the native histogram that is being collected
  uint64_t collected_at_fast_ = 0;  // fast_lines_ at its last part

  // samples.cpp
  void found(uint32_t id, const FoundSample& sample);
  void exemplar_of(uint32_t id, const SampleTail& tail);
  void further_sample(uint32_t id, const FoundSample& sample);
  uint32_t owner(uint32_t id) const {
    return entries_[id].has(Entry::kAlias) ? entries_.owner_of(id) : id;
  }

  // rows.cpp
  void prepare_walk(Walk walk);
  /// Whether the entry's row, if it gets one, is of another point than the last row.
  bool begins_point(uint32_t id, const Rows& rows);
  void walk_good(uint32_t id, Rows& rows);
  void walk_stale(uint32_t id, Rows& rows);
  void good_row(uint32_t id, Entry& entry, Rows& rows);
  void stale_row(uint32_t id, Entry& entry, Rows& rows);
  void exemplar_rows(uint32_t id, Rows& rows);
  int64_t created_of(uint32_t id, const Entry& entry) const;
  void index_created_lines();
  void end_walk();
  void finish_walk();

  // protobuf_page.cpp
  bool feed_protobuf(std::string_view bytes);
  void finish_protobuf();
  void family_message(std::string_view message);
  struct FamilyHead;
  void metric_message(const FamilyHead& head, std::string_view message);
  struct Metric;
  void summary_samples(const FamilyHead& head, const Metric& metric);
  void histogram_samples(const FamilyHead& head, const Metric& metric);
  bool native_sample(const FamilyHead& head, const Metric& metric);
  void classic_samples(const FamilyHead& head, const Metric& metric, bool may_convert);
  uint32_t proto_sample(const FamilyHead& head, const Metric& metric, char part, double bound,
                        FoundSample sample);
  void proto_exemplar(uint32_t id, std::string_view message, bool timestamp_required,
                      const Metric& metric);
  std::string key_;                  // of the series at hand
  std::vector<Label> proto_labels_;  // of the metric at hand
  bool over_bucket_limit_ = false;

  // The way through the page: what comes next, and what has come.
  uint32_t expected() const noexcept {
    return last_ == kNoId ? entries_.first : entries_[last_].next;
  }
  void came(uint32_t id) noexcept;

  void count_fast_lines() noexcept;
  bool fail(PageError::Kind kind, std::string text);
  bool broken(std::string text);

  SeriesMaker& maker_;
  const PageOptions options_;
  Entries entries_;
  LabelBuilder builder_;
  std::vector<Label> scraped_;  // of the line at hand

  // The page.
  std::unique_ptr<LineParser> parser_;
  PageFormat format_ = PageFormat::text;
  int64_t timestamp_ = 0;
  uint32_t page_ = 0;
  uint32_t last_good_page_ = 0;
  uint32_t last_ = kNoId;
  bool ended_ = false;  // by `# EOF`, or what counts as the end
  bool failed_ = false;
  PageError error_;
  PageCounts counts_;
  uint64_t line_number_ = 0;
  uint64_t fast_lines_ = 0;    // samples that fast_lines() took, not in counts_ until the end
  uint64_t sampled_ = 0;       // appended samples, but for those of fast_lines()
  uint64_t live_again_ = 0;    // kLive entries that this page has
  unsigned format_shift_ = 0;  // of TypeBits
  uint8_t type_bit_ = kOtherType;
  uint8_t fast_type_bit_ = kOtherType;  // 0: every line must be looked at
  MetricType type_ = MetricType::unknown;
  Family* family_ = nullptr;
  SampleTail tail_;
  Arena page_arena_{4096};
  std::string carried_;     // a line whose end has not come yet
  bool is_quoted_ = false;  // it has a line break within quotes: see continue_quoted()
  bool within_quotes_ = false;
  bool after_backslash_ = false;
  size_t quotes_scanned_ = 0;
  std::vector<Exemplar> exemplars_;
  std::vector<FurtherSample> further_;
  std::unordered_map<uint32_t, int64_t> further_last_;
  std::vector<PendingHistogram> histograms_;

  // The rows that wait.
  Walk walk_ = Walk::none;
  int64_t stale_timestamp_ = 0;
  bool forgets_ = false;  // the walk after a failure forgets what the failed page did not have
  uint32_t walk_at_ = 0;
  uint64_t rows_expected_ = 0;  // an upper bound
  uint64_t rows_taken_ = 0;
  uint64_t bytes_left_ = 0;    // of the page, not yet given to a batch
  uint64_t encoded_left_ = 0;  // labels of rows that wait, an upper bound
  size_t exemplar_at_ = 0;
  size_t further_at_ = 0;
  size_t histogram_at_ = 0;
  std::unordered_map<uint64_t, int64_t> created_by_key_;
  bool has_created_lines_ = false;

  uint64_t live_ = 0;          // kLive entries
  uint64_t good_entries_ = 0;  // entries after the last good page
  size_t attachment_bytes_ = 0;
};

}  // namespace tailrace::common::prom
