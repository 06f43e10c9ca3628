#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/metric_batch.h"

#include "plugins/common/prom/scrape_cache/chunked_array.h"
#include "plugins/common/prom/scrape_cache/id_table.h"
#include "plugins/common/prom/scrape_cache/text_store.h"

namespace tailrace::common::prom {

/// A metadata family, and when its metadata changed.
struct Family : MetricFamily {
  uint32_t changed_page = 0;
};

/// What is known of one text of a page: a series' text up to its value, or a metadata line.
/// The three lines that the reading of an unchanged page touches are this, the text and the page.
struct Entry {
  enum Flag : uint16_t {
    kLive = 1,           ///< Was in the last good page; owes a stale marker when it vanishes.
    kDropped = 2,        ///< Relabeling drops it.
    kMeta = 4,           ///< A metadata line. `value` is the MetricType of a `# TYPE` line.
    kAlias = 8,          ///< Another text of a series that has an entry of its own.
    kDead = 16,          ///< Forgotten; its memory goes with the next compaction.
    kExplicit = 32,      ///< Its last sample had a timestamp of its own (see Entries::timestamps).
    kNoSample = 64,      ///< Stood in the page `seen`, but its sample was left out.
    kHistogram = 128,    ///< Its last sample was a native histogram.
    kTypeLine = 256,     ///< A kMeta that is a `# TYPE` line.
    kCreatedLine = 512,  ///< A `_created` series of OpenMetrics.
    kHasAlias = 1024,    ///< Other texts mean the same series; see Entries::text_page.
    kPart = 2048,        ///< Of a classic histogram that becomes a native one; see HistogramPart.
  };
  /// With one of these a line does not take the shortest way.
  static constexpr uint16_t kSlow =
      kDropped | kMeta | kAlias | kDead | kExplicit | kNoSample | kHistogram | kHasAlias | kPart;

  const char* text = nullptr;
  uint32_t text_size = 0;
  uint32_t next = kNoId;  ///< The entry that followed in the last page.
  uint32_t seen = 0;      ///< Number of the last page that had it.
  uint16_t flags = 0;
  /// Of `value_text`; 0: not kept.
  uint8_t value_size = 0;
  /// TypeBits of `# TYPE` lines under which the text means this series.
  uint8_t valid_types = 0;
  uint64_t value = 0;           ///< The last value's bits.
  uint64_t value_text[2] = {};  ///< The last value as it stood, zeros behind; a kMeta's Family*.

  std::string_view view() const noexcept { return {text, text_size}; }
  bool has(uint16_t any_of) const noexcept { return (flags & any_of) != 0; }
};

/// See Entry::valid_types: under a histogram's or a summary's `# TYPE` the labels `le` and
/// `quantile` are numbers. Shifted by three for OpenMetrics, so that what one format knows is not
/// taken for known by another one, which may refuse it.
enum TypeBits : uint8_t {
  kOtherType = 1,
  kHistogramType = 2,
  kSummaryType = 4,
  kAnyType = 7,
  kProtobufKey = 64
};

/// What a line of a classic histogram is in the native one that is made of it.
struct HistogramPart {
  enum class Kind : uint8_t { bucket, count, sum };
  uint32_t histogram = kNoId;  ///< The entry of the native one.
  Kind kind = Kind::bucket;
  double bound = 0;
};

/// All entries of a cache, their series, and the ways to find them.
///
/// Lifetime: an entry's id and its series' address are good until compact().
class Entries {
 public:
  Entries() = default;

  Entry& operator[](uint32_t id) noexcept { return entries_[id]; }
  const Entry& operator[](uint32_t id) const noexcept { return entries_[id]; }
  MetricSeries& series(uint32_t id) noexcept { return series_[id]; }
  uint32_t size() const noexcept { return entries_.size(); }

  /// The entry of a text, under a type (one of TypeBits); kNoId.
  uint32_t find(std::string_view text, uint8_t type) const;
  /// The entry that owns a series; kNoId.
  uint32_t find_series(std::string_view encoded, uint64_t hash) const;

  /// A new entry; the text is copied.
  uint32_t add(std::string_view text, uint16_t flags, uint8_t valid_types);
  /// Gives an entry its series: room for `size` bytes of encoded labels, to be filled, …
  char* begin_series(size_t size) { return encodings_.reserve(size); }
  /// … and taken over by one that is no alias.
  void set_series(uint32_t id, std::string_view encoded, uint64_t hash, const Family* family);
  /// Makes an entry another text of the series that `owner` has.
  void set_alias(uint32_t id, uint32_t owner);
  uint32_t owner_of(uint32_t alias) const { return aliases_.at(alias); }
  /// Of an entry that others are aliases of: the last page that had its own text. (Its `seen` is
  /// that of the series.)
  uint32_t& text_page(uint32_t owner) { return text_pages_[owner]; }

  /// Forgets an entry. Its series stays where it is until compact().
  void kill(uint32_t id) noexcept;
  uint32_t dead() const noexcept { return dead_; }
  /// Whether so much is dead that compact() is worth it.
  bool wants_compaction() const noexcept { return dead_ > 64 && dead_ > size() / 4; }
  /// Gives back the memory of dead entries. Ids change.
  void compact();

  /// The family of this name, made if there is none.
  Family& family(std::string_view name);

  // Columns that few targets need; empty until then.
  ChunkedArray<int64_t> timestamps;        ///< Of kExplicit samples: ms.
  ChunkedArray<int64_t> created;           ///< Start of the counter as the protobuf format says it.
  ChunkedArray<uint64_t> created_keys;     ///< What a sample and its `_created` line share; or 0.
  ChunkedArray<uint64_t> exemplar_hashes;  ///< Of the last exemplar that was handed on.

  /// Of entries with kPart.
  std::unordered_map<uint32_t, HistogramPart> parts;

  /// Where a page begins; the way goes on by Entry::next.
  uint32_t first = kNoId;

  uint64_t encoded_bytes() const noexcept { return encodings_.bytes(); }
  /// Of one series' labels.
  uint64_t most_encoded_bytes() const noexcept { return most_encoded_; }
  size_t bytes() const noexcept;

 private:
  static uint64_t hash_of(std::string_view text) noexcept;
  void move_entry(uint32_t from, uint32_t to);
  uint32_t renamed(uint32_t id, const std::vector<uint32_t>& ids) const;
  void drop_unused_families();

  ChunkedArray<Entry> entries_;
  ChunkedArray<MetricSeries> series_;  // beside entries_; empty for those that have none
  TextStore texts_;
  TextStore encodings_;
  IdTable by_text_;
  IdTable by_series_;
  std::unordered_map<uint32_t, uint32_t> aliases_;                          // to owners
  std::unordered_map<uint32_t, uint32_t> text_pages_;                       // of owners
  std::unordered_map<std::string_view, std::unique_ptr<Family>> families_;  // keys: their names
  uint32_t dead_ = 0;
  uint64_t most_encoded_ = 0;
};

}  // namespace tailrace::common::prom
