#include "plugins/processors/json/stream_splitter.h"

#include <algorithm>

#include "codec/hash.h"

namespace tailrace::processors::json {

namespace {

constexpr size_t kLeastTable = 64;

template <class T>
T* array_like(Arena& arena, const T* other, size_t size) {
  return other != nullptr ? arena.array<T>(size) : nullptr;
}

/// Copies record `from` of `source` to place `to` of `target`, which has the same arrays.
void copy_record(const LogBatch& source, uint32_t from, LogBatch& target, uint32_t to) noexcept {
  target.timestamps[to] = source.timestamps[from];
  target.bodies[to] = source.bodies[from];
  target.source_bytes[to] = source.source_bytes[from];
  if (source.source_records != nullptr) {
    target.source_records[to] = source.source_records[from];
  }
  if (source.severities != nullptr) {
    target.severities[to] = source.severities[from];
  }
  if (source.metadata != nullptr) {
    target.metadata[to] = source.metadata[from];
  }
}

/// `size` records of `whole`, from `first` on.
LogBatch slice(const LogBatch& whole, uint32_t first, uint32_t size) noexcept {
  LogBatch part = whole;
  part.size = size;
  part.timestamps += first;
  part.bodies += first;
  part.source_bytes += first;
  part.source_records += part.source_records != nullptr ? first : 0;
  part.severities += part.severities != nullptr ? first : 0;
  part.metadata += part.metadata != nullptr ? first : 0;
  return part;
}

}  // namespace

StreamSplitter::StreamSplitter(std::vector<std::string> names, LabelInterner& interner)
    : names_(std::move(names)), interner_(interner) {}

void StreamSplitter::begin(const LogBatch& batch, Arena& arena) noexcept {
  arena_ = &arena;
  batch_size_ = batch.size;
  set_of_ = nullptr;
}

void StreamSplitter::set(uint32_t i, std::span<const std::string_view> values) {
  if (set_of_ == nullptr) {
    set_of_ = arena_->array<uint32_t>(batch_size_);
    std::fill_n(set_of_, batch_size_, 0);
    last_ = 0;
    table_.assign(kLeastTable, 0);
    values_.assign(names_.size(), std::string_view());
    sets_.assign(1, Set{.hash = 0, .values_at = 0});
  }
  if (!has_values(sets_[last_], values)) {
    last_ = find_or_add(values);
  }
  set_of_[i] = last_;
}

bool StreamSplitter::has_values(const Set& set,
                                std::span<const std::string_view> values) const noexcept {
  return std::equal(values.begin(), values.end(), values_.begin() + set.values_at);
}

uint32_t StreamSplitter::find_or_add(std::span<const std::string_view> values) {
  uint64_t hash = 0;
  bool any = false;
  for (const std::string_view value : values) {
    hash = codec::stable_hash(value, hash);
    any |= !value.empty();
  }
  if (!any) {
    return 0;
  }
  const size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  for (; table_[at] != 0; at = (at + 1) & mask) {
    const Set& set = sets_[table_[at] - 1];
    if (set.hash == hash && has_values(set, values)) {
      return table_[at] - 1;
    }
  }
  const auto made = static_cast<uint32_t>(sets_.size());
  sets_.push_back({.hash = hash, .values_at = static_cast<uint32_t>(values_.size())});
  values_.insert(values_.end(), values.begin(), values.end());
  table_[at] = made + 1;
  if (sets_.size() * 2 > table_.size()) {
    grow_table();
  }
  return made;
}

void StreamSplitter::grow_table() {
  table_.assign(table_.size() * 2, 0);
  const size_t mask = table_.size() - 1;
  for (uint32_t i = 1; i < sets_.size(); ++i) {
    size_t at = sets_[i].hash & mask;
    while (table_[at] != 0) {
      at = (at + 1) & mask;
    }
    table_[at] = i + 1;
  }
}

LabelsPtr StreamSplitter::labels_of(const Set& set, const Labels& base) {
  pairs_.assign(base.pairs().begin(), base.pairs().end());
  for (size_t i = 0; i < names_.size(); ++i) {
    if (const std::string_view value = values_[set.values_at + i]; !value.empty()) {
      pairs_.push_back({names_[i], value});
    }
  }
  return interner_.intern(pairs_);
}

size_t StreamSplitter::push(LogBatch& batch, Arena& arena, Next& next) {
  if (set_of_ == nullptr) {
    next.push(batch);
    return 1;
  }
  for (uint32_t i = 0; i < batch.size; ++i) {
    ++sets_[set_of_[i]].records;
  }
  if (sets_[set_of_[0]].records == batch.size) {
    const LabelsPtr labels = labels_of(sets_[set_of_[0]], *batch.labels);
    batch.labels = labels.get();
    next.push(batch);
    return 1;
  }

  // All records again, set by set; `place` is where the next one of each goes.
  LogBatch sorted = batch;
  sorted.timestamps = arena.array<int64_t>(batch.size);
  sorted.bodies = arena.array<std::string_view>(batch.size);
  sorted.source_bytes = arena.array<uint32_t>(batch.size);
  sorted.source_records = array_like(arena, batch.source_records, batch.size);
  sorted.severities = array_like(arena, batch.severities, batch.size);
  sorted.metadata = array_like(arena, batch.metadata, batch.size);
  auto* place = arena.array<uint32_t>(sets_.size());
  uint32_t sum = 0;
  for (size_t k = 0; k < sets_.size(); ++k) {
    place[k] = sum;
    sum += sets_[k].records;
  }
  for (uint32_t i = 0; i < batch.size; ++i) {
    copy_record(batch, i, sorted, place[set_of_[i]]++);
  }
  size_t pushed = 0;
  for (size_t k = 0; k < sets_.size(); ++k) {
    if (sets_[k].records == 0) {
      continue;
    }
    const LabelsPtr labels = labels_of(sets_[k], *batch.labels);
    LogBatch part = slice(sorted, place[k] - sets_[k].records, sets_[k].records);
    part.labels = labels.get();
    part.from_carry = {};  // was booked when the whole batch was handed over
    next.push(part);
    ++pushed;
  }
  return pushed;
}

}  // namespace tailrace::processors::json
