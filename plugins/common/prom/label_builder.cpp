#include "plugins/common/prom/label_builder.h"

#include <algorithm>
#include <numeric>

namespace tailrace::common::prom {

void LabelBuilder::assign(std::span<const Label> labels) {
  text_.reset();
  labels_.clear();
  turn_ = 0;
  bool sorted = true;
  for (const Label& label : labels) {
    if (!labels_.empty() && !(labels_.back().name < label.name)) {
      sorted = false;
    }
    labels_.push_back(label);
  }
  if (!sorted) {
    std::ranges::stable_sort(labels_, {}, &Label::name);
    size_t kept = 0;
    for (const Label& label : labels_) {
      if (kept > 0 && labels_[kept - 1].name == label.name) {
        labels_[kept - 1] = label;
      } else {
        labels_[kept++] = label;
      }
    }
    labels_.resize(kept);
  }
  std::erase_if(labels_, [](const Label& label) { return label.value.empty(); });
  turns_.assign(labels_.size(), 0);
}

size_t LabelBuilder::find(std::string_view name) const noexcept {
  return static_cast<size_t>(std::ranges::lower_bound(labels_, name, {}, &Label::name) -
                             labels_.begin());
}

std::string_view LabelBuilder::get(std::string_view name) const noexcept {
  const size_t at = find(name);
  return is_at(at, name) ? labels_[at].value : std::string_view();
}

void LabelBuilder::set(std::string_view name, std::string_view value) {
  const size_t at = find(name);
  if (value.empty()) {
    if (is_at(at, name)) {
      labels_.erase(labels_.begin() + static_cast<ptrdiff_t>(at));
      turns_.erase(turns_.begin() + static_cast<ptrdiff_t>(at));
    }
  } else if (is_at(at, name)) {
    labels_[at].value = value;
    if (turns_[at] == 0) {
      turns_[at] = ++turn_;
    }
  } else {
    labels_.insert(labels_.begin() + static_cast<ptrdiff_t>(at), Label{name, value});
    turns_.insert(turns_.begin() + static_cast<ptrdiff_t>(at), ++turn_);
  }
}

void LabelBuilder::set_copy(std::string_view name, std::string_view value) {
  if (value.empty()) {
    erase(name);
    return;
  }
  const size_t at = find(name);
  set(is_at(at, name) ? labels_[at].name : text_.copy(name), text_.copy(value));
}

void LabelBuilder::erase(std::string_view name) {
  set(name, {});
}

void LabelBuilder::in_order_of_setting(std::vector<Label>& out) const {
  out.clear();
  for (size_t i = 0; i < labels_.size(); ++i) {
    if (turns_[i] == 0) {
      out.push_back(labels_[i]);
    }
  }
  if (out.size() == labels_.size()) {
    return;
  }
  std::vector<size_t> later;
  for (size_t i = 0; i < labels_.size(); ++i) {
    if (turns_[i] != 0) {
      later.push_back(i);
    }
  }
  std::ranges::sort(later, {}, [this](size_t i) { return turns_[i]; });
  for (const size_t i : later) {
    out.push_back(labels_[i]);
  }
}

std::vector<std::pair<std::string, std::string>> pairs_of(const LabelBuilder& builder) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Label& label : builder.labels()) {
    out.emplace_back(label.name, label.value);
  }
  return out;
}

}  // namespace tailrace::common::prom
