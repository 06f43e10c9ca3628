#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/processor.h"

namespace tailrace::processors::json {

/// Splits a batch into one per set of label values that its records carry.
///
///   splitter.begin(batch, arena);
///   splitter.set(i, values);     // for records that have any
///   splitter.push(batch, next);  // in order of first appearance, order within each kept
///
/// Keeps no label sets between batches: looking up a handful per block costs next to nothing, and
/// nothing has to be thrown out. Its memory is reused.
class StreamSplitter {
 public:
  StreamSplitter(std::vector<std::string> names, LabelInterner& interner);

  void begin(const LogBatch& batch, Arena& arena) noexcept;
  /// The values of record `i`, one per name; "" for none. Views must live until push().
  void set(uint32_t i, std::span<const std::string_view> values);
  /// Pushes everything. `batch` may have become smaller meanwhile. Returns the number of sets.
  size_t push(LogBatch& batch, Arena& arena, Next& next);

 private:
  struct Set {
    uint64_t hash;
    uint32_t values_at;  // into values_
    uint32_t records = 0;
  };
  bool has_values(const Set& set, std::span<const std::string_view> values) const noexcept;
  uint32_t find_or_add(std::span<const std::string_view> values);
  void grow_table();
  LabelsPtr labels_of(const Set& set, const Labels& base);

  const std::vector<std::string> names_;
  LabelInterner& interner_;

  // Of the batch under work. Set 0 is that of the records without values.
  Arena* arena_ = nullptr;
  uint32_t batch_size_ = 0;
  uint32_t* set_of_ = nullptr;  // per record; null: all are of set 0
  uint32_t last_ = 0;           // neighbours are often alike
  std::vector<Set> sets_;
  std::vector<std::string_view> values_;
  std::vector<uint32_t> table_;  // hash -> set + 1, open addressing
  std::vector<Label> pairs_;
};

}  // namespace tailrace::processors::json
