#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

#include "plugins/common/prom/scrape_cache/scrape_options.h"

namespace tailrace::common::prom {

/// The series of one target: reads its pages, remembers which line is which series, knows which
/// series have vanished.
///
///   cache.begin(PageFormat::text, scrape_time_ms);
///   while (…) { if (!cache.feed(chunk)) break; }     // false: the page is refused, stop reading
///   if (cache.finish()) { counts = cache.counts(); } // all of the page is good
///   else { cache.error(); cache.stale(scrape_time_ms); }
///   MetricBatch batch;
///   while (cache.take(batch, lane.arena(), kMaxRows)) { feed.push(batch); … }
///
/// A fetch that failed half-way: abandon(), then stale(). A target that is removed, or did not
/// answer at all: stale() alone.
///
/// Shape:    page order is remembered: a line is first compared with the one that came at this
///           place last time; when it is the same series, only its value is read. Otherwise it is
///           looked up by its text, and only what is new is parsed and made a series.
/// Accepted  as a whole: a page that breaks its format's rules or a limit changes nothing but what
///           the cache knows of texts.
/// Memory:   per-target arenas, no allocation per series; what a good page does not have any more
///           is forgotten, and its memory given back.
/// Lifetime: series and their encodings live until the next begin() or the cache's end; what
///           take() puts in the arena lives with the arena.
/// Lane:     one lane.
/// Source:   Prometheus 3 scrape/scrape.go for what counts and what goes stale.
class ScrapeCache {
 public:
  /// `maker` outlives the cache.
  ScrapeCache(SeriesMaker& maker, const PageOptions& options);
  ~ScrapeCache();
  ScrapeCache(const ScrapeCache&) = delete;
  ScrapeCache& operator=(const ScrapeCache&) = delete;

  /// A page begins. Samples without a timestamp of their own get `timestamp` (ms).
  void begin(PageFormat format, int64_t timestamp);
  /// The next bytes of the page, cut anywhere, after decompression. False: the page is refused.
  bool feed(std::string_view bytes);
  /// The page has ended. True: its samples wait for take(), with the stale markers of series that
  /// it does not have any more.
  bool finish();
  /// The rest of the page will not come; nothing of it is taken.
  void abandon();
  /// After a page that failed, or none at all: stale markers (at `timestamp`) of every series that
  /// is live wait for take().
  void stale(int64_t timestamp);

  /// Why feed() or finish() said false. The first error counts.
  const PageError& error() const noexcept;
  /// Of the page since begin(), complete after finish() or an error.
  const PageCounts& counts() const noexcept;

  /// Rows (with histograms) that wait for take(), and an upper bound of their encoded size in
  /// remote write's protobuf: for the credit that is asked before.
  uint64_t waiting_rows() const noexcept;
  uint64_t waiting_bytes() const noexcept;
  /// Fills `batch` with the next rows, at most `max_rows` (histograms count as rows), arrays in
  /// `arena`; it ends between two histograms or summaries if that leaves out an eighth of them at
  /// most. False: nothing is left. What is not taken is lost with the next begin() or stale().
  bool take(MetricBatch& batch, Arena& arena, uint32_t max_rows);

  /// Series that would get a stale marker if the target went away now.
  uint64_t live_series() const noexcept;
  /// Texts that are known: series, dropped ones, metadata lines.
  uint64_t entries() const noexcept;
  /// Memory that the cache holds, with what outputs keep with its series.
  size_t bytes() const noexcept;
  /// Looks anew how much outputs keep: worth it after new series were handed over.
  void count_attachments() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tailrace::common::prom
