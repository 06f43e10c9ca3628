#include "plugins/processors/json/field_tree.h"

#include <algorithm>

#include "tailrace/check.h"

#include "plugins/processors/json/json_config.h"

namespace tailrace::processors::json {

namespace {
const std::string& key_of(const FieldTree::Field& field) noexcept {
  return field.key.text();
}
}  // namespace

FieldTree::Field& FieldTree::field(std::string_view key) {
  const auto found = std::ranges::find(fields_, key, key_of);
  return found != fields_.end() ? *found : fields_.emplace_back(key);
}

bool FieldTree::takes_object(std::string_view key) const noexcept {
  const auto found = std::ranges::find(fields_, key, key_of);
  return found != fields_.end() && std::ranges::any_of(found->targets, &Target::takes_objects);
}

void FieldTree::add(std::string_view path, Target target, bool yield) {
  field(path).targets.push_back(target);
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const std::string_view outer = path.substr(0, dot);
    if (yield && takes_object(outer)) {
      continue;
    }
    Field& holder = field(outer);
    if (holder.inner == nullptr) {
      holder.inner = std::make_unique<FieldTree>();
    }
    holder.inner->add(path.substr(dot + 1), target, yield);
  }
}

void FieldTree::add(std::string_view path, Target target) {
  add(path, target, false);
}

void FieldTree::add_unless_taken(std::string_view path, Target target) {
  add(path, target, true);
}

void FieldTree::finish(uint64_t severity_bit) {
  TR_CHECK(fields_.size() <= UINT8_MAX);
  std::ranges::sort(fields_, {}, key_of);
  for (size_t i = 0; i < fields_.size(); ++i) {
    Range& range = by_first_[static_cast<uint8_t>(fields_[i].key.text()[0])];
    if (range.begin == range.end) {
      range.begin = static_cast<uint8_t>(i);
    }
    range.end = static_cast<uint8_t>(i + 1);
    for (const Target& target : fields_[i].targets) {
      fields_[i].bits |=
          target.kind == Target::Kind::value ? uint64_t{1} << target.index : severity_bit;
    }
    if (fields_[i].inner != nullptr) {
      fields_[i].inner->finish(severity_bit);
    }
  }
}

const FieldTree::Field* FieldTree::look_up(codec::JsonRawKey key) const noexcept {
  const Range range = by_first_[static_cast<uint8_t>(key.first())];
  for (uint8_t i = range.begin; i != range.end; ++i) {
    if (key.is(fields_[i].key)) {
      return &fields_[i];
    }
  }
  return nullptr;
}

std::string path_complaint(std::string_view path) {
  if (path.empty() || path.front() == '.' || path.back() == '.' || path.find("..") != path.npos) {
    return "expected a field such as user or http.status";
  }
  if (static_cast<size_t>(std::ranges::count(path, '.')) >= kMaxPathParts) {
    return "at most " + std::to_string(kMaxPathParts) + " parts";
  }
  const bool escaped = std::ranges::any_of(
      path, [](char c) { return c == '"' || c == '\\' || static_cast<uint8_t>(c) < 0x20; });
  return escaped ? "a key with quotes, backslashes or control characters cannot be taken"
                 : std::string();
}

}  // namespace tailrace::processors::json
