#include "tailrace/labels.h"

#include <algorithm>
#include <unordered_set>

#include <xxhash.h>

#include "tailrace/check.h"

namespace tailrace {

namespace {

uint64_t hash_pairs(std::span<const Label> pairs) noexcept {
  uint64_t hash = 0;
  for (const Label& pair : pairs) {
    hash = XXH3_64bits_withSeed(pair.name.data(), pair.name.size(), hash);
    hash = XXH3_64bits_withSeed(pair.value.data(), pair.value.size(), hash + 1);
  }
  return hash;
}

struct Key {
  std::span<const Label> pairs;
  uint64_t hash;
};

struct Hash {
  using is_transparent = void;
  size_t operator()(const Labels* labels) const noexcept { return labels->hash(); }
  size_t operator()(const Key& key) const noexcept { return key.hash; }
};

struct Equal {
  using is_transparent = void;
  bool operator()(const Labels* a, const Labels* b) const noexcept { return a == b; }
  bool operator()(const Labels* a, const Key& b) const noexcept {
    return a->hash() == b.hash && std::ranges::equal(a->pairs(), b.pairs);
  }
  bool operator()(const Key& a, const Labels* b) const noexcept { return (*this)(b, a); }
};

}  // namespace

bool is_label_name(std::string_view name) noexcept {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::string_view Labels::get(std::string_view name) const noexcept {
  for (const Label& pair : pairs_) {
    if (pair.name == name) {
      return pair.value;
    }
  }
  return {};
}

void Labels::attach(uint32_t slot, std::unique_ptr<LabelAttachment> what) const {
  if (slot >= attachments_.size()) {
    attachments_.resize(slot + 1);
  }
  attachments_[slot] = std::move(what);
}

void LabelsPtr::release() noexcept {
  if (labels_ != nullptr && --labels_->refs_ == 0) {
    labels_->owner_->drop(labels_);
  }
  labels_ = nullptr;
}

struct LabelInterner::Table {
  std::unordered_set<const Labels*, Hash, Equal> sets;
};

LabelInterner::LabelInterner() : table_(std::make_unique<Table>()) {}

LabelInterner::~LabelInterner() {
  TR_CHECK(table_->sets.empty());
}

size_t LabelInterner::size() const noexcept {
  return table_->sets.size();
}

LabelsPtr LabelInterner::intern(std::span<const Label> pairs) {
  std::vector<Label> sorted(pairs.begin(), pairs.end());
  std::ranges::stable_sort(sorted, {}, &Label::name);
  size_t kept = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool repeated = i + 1 < sorted.size() && sorted[i + 1].name == sorted[i].name;
    if (!repeated && !sorted[i].value.empty()) {
      sorted[kept++] = sorted[i];
    }
  }
  sorted.resize(kept);

  const Key key{sorted, hash_pairs(sorted)};
  if (auto found = table_->sets.find(key); found != table_->sets.end()) {
    return LabelsPtr(*found);
  }
  std::unique_ptr<Labels> labels(new Labels());
  labels->owner_ = this;
  labels->hash_ = key.hash;
  size_t text_bytes = 0;
  for (const Label& pair : sorted) {
    text_bytes += pair.name.size() + pair.value.size();
  }
  labels->text_.reserve(text_bytes);
  labels->pairs_.reserve(sorted.size());
  auto store = [&](std::string_view text) {
    const size_t at = labels->text_.size();
    labels->text_.append(text);
    return std::string_view(labels->text_.data() + at, text.size());
  };
  for (const Label& pair : sorted) {
    const std::string_view name = store(pair.name);
    labels->pairs_.push_back({name, store(pair.value)});
  }
  bytes_ += sizeof(Labels) + text_bytes + sorted.size() * sizeof(Label);
  const Labels* made = labels.release();
  table_->sets.insert(made);
  return LabelsPtr(made);
}

void LabelInterner::drop(const Labels* labels) noexcept {
  table_->sets.erase(labels);
  bytes_ -= sizeof(Labels) + labels->text_.size() + labels->pairs_.size() * sizeof(Label);
  delete labels;
}

}  // namespace tailrace
