#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace {

struct Label {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const Label&, const Label&) = default;
};

/// True for `[a-zA-Z_][a-zA-Z0-9_]*`, what Prometheus and Loki take as a label's name.
bool is_label_name(std::string_view name) noexcept;

/// What an output keeps with a label set: its encoding, its tenant, … computed once.
/// Dies with the label set.
class LabelAttachment {
 public:
  virtual ~LabelAttachment() = default;
  /// Memory that it takes, itself included, where there may be one for each of a million series.
  virtual size_t bytes() const noexcept { return 0; }
};

class LabelInterner;

/// An interned label set: sorted by name (byte order), no name twice, no empty value. Two equal
/// sets of one lane are one object, so equality is identity.
///
/// Lifetime: counted by LabelsPtr; when the last one goes the set leaves the interner.
/// Lane:     one lane; the count is not atomic.
class Labels {
 public:
  std::span<const Label> pairs() const noexcept { return pairs_; }
  /// The value of a name, or an empty view.
  std::string_view get(std::string_view name) const noexcept;
  /// A stable hash of names and values (same on every lane, in every run).
  uint64_t hash() const noexcept { return hash_; }

  /// The attachment in a slot (LabelInterner::new_slot), or null.
  LabelAttachment* attachment(uint32_t slot) const noexcept {
    return slot < attachments_.size() ? attachments_[slot].get() : nullptr;
  }
  void attach(uint32_t slot, std::unique_ptr<LabelAttachment> what) const;

 private:
  friend class LabelInterner;
  friend class LabelsPtr;
  Labels() = default;

  LabelInterner* owner_ = nullptr;
  mutable uint32_t refs_ = 0;
  uint64_t hash_ = 0;
  std::string text_;          // the bytes that pairs_ points into
  std::vector<Label> pairs_;  // sorted by name
  mutable std::vector<std::unique_ptr<LabelAttachment>> attachments_;
};

/// A counted reference to a label set of this lane.
class LabelsPtr {
 public:
  LabelsPtr() = default;
  explicit LabelsPtr(const Labels* labels) noexcept : labels_(labels) { acquire(); }
  LabelsPtr(const LabelsPtr& other) noexcept : labels_(other.labels_) { acquire(); }
  LabelsPtr(LabelsPtr&& other) noexcept : labels_(std::exchange(other.labels_, nullptr)) {}
  LabelsPtr& operator=(LabelsPtr other) noexcept {
    std::swap(labels_, other.labels_);
    return *this;
  }
  ~LabelsPtr() { release(); }

  const Labels* get() const noexcept { return labels_; }
  const Labels* operator->() const noexcept { return labels_; }
  const Labels& operator*() const noexcept { return *labels_; }
  explicit operator bool() const noexcept { return labels_ != nullptr; }

 private:
  void acquire() const noexcept {
    if (labels_ != nullptr) {
      ++labels_->refs_;
    }
  }
  void release() noexcept;

  const Labels* labels_ = nullptr;
};

/// Makes equal label sets one object.
/// Lane: one per lane, not thread-safe. Must outlive every LabelsPtr that it made.
class LabelInterner {
 public:
  LabelInterner();
  ~LabelInterner();
  LabelInterner(const LabelInterner&) = delete;
  LabelInterner& operator=(const LabelInterner&) = delete;

  /// Pairs in any order; the last of a repeated name wins; empty values are left out.
  LabelsPtr intern(std::span<const Label> pairs);
  /// A slot for attachments, for one output or processor of this lane.
  uint32_t new_slot() noexcept { return slots_++; }

  size_t size() const noexcept;
  /// Heap bytes held by the sets (attachments not counted).
  size_t bytes() const noexcept { return bytes_; }

 private:
  friend class LabelsPtr;
  void drop(const Labels* labels) noexcept;

  struct Table;
  std::unique_ptr<Table> table_;
  uint32_t slots_ = 0;
  size_t bytes_ = 0;
};

}  // namespace tailrace
