#pragma once

#include <cstdint>

#include "tailrace/arena.h"
#include "tailrace/receipt.h"

namespace tailrace {

enum class Signal : uint8_t { logs, metrics, traces };
const char* to_string(Signal signal) noexcept;

/// What the ledger counts: source records (lines, samples, spans) and the source bytes they came
/// from. A joined record weighs all its lines; of a split one the first child carries the weight.
struct Weight {
  uint64_t records = 0;
  uint64_t bytes = 0;

  Weight& operator+=(const Weight& other) noexcept {
    records += other.records;
    bytes += other.bytes;
    return *this;
  }
  Weight& operator-=(const Weight& other) noexcept {
    records -= other.records;
    bytes -= other.bytes;
    return *this;
  }
  friend Weight operator+(Weight a, const Weight& b) noexcept { return a += b; }
  friend Weight operator-(Weight a, const Weight& b) noexcept { return a -= b; }
  friend bool operator==(const Weight&, const Weight&) = default;
};

/// Identifies a concrete batch class without RTTI: compare addresses.
struct BatchType {
  const char* name;
  Signal signal;
};

/// Records of one source unit, as views. The engine only knows this much of it.
///
/// Lifetime: valid until the call that hands it over returns; nothing in it is owned.
class Batch {
 public:
  const BatchType& type() const noexcept { return *type_; }
  Signal signal() const noexcept { return type_->signal; }

  /// Weight of all records in the batch.
  virtual Weight weight() const noexcept = 0;
  /// A copy of the views (not of the bytes) in the arena, for a second pipeline that would edit
  /// them.
  virtual Batch* copy_views(Arena& arena) const = 0;

  /// The unit that the records came from; null where nobody waits and nothing can be read again
  /// (a scrape).
  Receipt* receipt = nullptr;
  /// Part of weight() that the input had told the feed before by Feed::carry (lines of a record
  /// that was being joined).
  Weight from_carry;

 protected:
  explicit Batch(const BatchType& type) noexcept : type_(&type) {}
  Batch(const Batch&) = default;
  Batch& operator=(const Batch&) = default;
  ~Batch() = default;

 private:
  const BatchType* type_;
};

/// The batch as `T` when it is one, else null. T names its type in `T::kType`.
template <class T>
T* batch_cast(Batch& batch) noexcept {
  return &batch.type() == &T::kType ? static_cast<T*>(&batch) : nullptr;
}
template <class T>
const T* batch_cast(const Batch& batch) noexcept {
  return &batch.type() == &T::kType ? static_cast<const T*>(&batch) : nullptr;
}

}  // namespace tailrace
