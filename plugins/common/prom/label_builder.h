#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"

namespace tailrace::common::prom {

/// A label set that is being changed: sorted by name (byte order), no name twice, no empty value.
/// Keep one and use it again and again; it keeps its memory.
///
/// Lifetime: text given to assign() and set() is borrowed until the next assign(), but for
///           set_copy(), which copies it into the builder.
/// Lane:     one user at a time.
class LabelBuilder {
 public:
  LabelBuilder() : text_(4096) {}
  LabelBuilder(const LabelBuilder&) = delete;
  LabelBuilder& operator=(const LabelBuilder&) = delete;

  /// Begins with these, in any order. Of a repeated name the last one wins; labels with an empty
  /// value are not there.
  void assign(std::span<const Label> labels);

  /// The value, or an empty view.
  std::string_view get(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return !get(name).empty(); }
  /// An empty value erases.
  void set(std::string_view name, std::string_view value);
  void set_copy(std::string_view name, std::string_view value);
  void erase(std::string_view name);

  /// Sorted. Good until the next change.
  std::span<const Label> labels() const noexcept { return labels_; }
  /// The labels in the order in which Prometheus's builder walks them, which matters where two
  /// labels are mapped to one name: first those of assign(), by name, then those that were set, in
  /// the order of their setting.
  /// Source: Prometheus model/labels, Builder.Range.
  void in_order_of_setting(std::vector<Label>& out) const;

 private:
  size_t find(std::string_view name) const noexcept;
  bool is_at(size_t at, std::string_view name) const noexcept {
    return at < labels_.size() && labels_[at].name == name;
  }

  std::vector<Label> labels_;
  std::vector<uint32_t> turns_;  // beside labels_: 0 = of assign(), else when it was set
  uint32_t turn_ = 0;
  Arena text_;
};

/// Copies of the labels, in their order.
std::vector<std::pair<std::string, std::string>> pairs_of(const LabelBuilder& builder);

}  // namespace tailrace::common::prom
