#include "plugins/processors/json/extractor.h"

#include <algorithm>
#include <charconv>

namespace tailrace::processors::json {

using codec::JsonRawKey;
using codec::JsonToken;
using codec::JsonType;

namespace {

constexpr uint8_t bit(Target::Kind kind) noexcept {
  return static_cast<uint8_t>(1 << static_cast<int>(kind));
}
constexpr uint8_t kPidAndHost = bit(Target::Kind::hint_pid) | bit(Target::Kind::hint_host);

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// A whole number as JSON writes it; what follows (a fraction) is cut off. -1 when there is none.
int whole_number(std::string_view text) noexcept {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Milliseconds since the epoch, as pino's and bunyan's `time` has them, between 2001 and 2286.
/// `text` is a number in the line, so that there is padding behind it.
bool is_epoch_ms(std::string_view text) noexcept {
  return text.size() == 13 && codec::is_short_whole_number(text);
}

}  // namespace

Extractor::Extractor(const std::vector<Wanted>& wanted, const StringList& alternatives,
                     const SeverityConfig& severity)
    : wanted_(wanted), numbers_(severity.numbers) {
  for (size_t i = 0; i < wanted_.size(); ++i) {
    tree_.add(wanted_[i].path, {.index = static_cast<uint8_t>(i),
                                .takes_objects = wanted_[i].type == Wanted::Type::any});
  }
  if (!alternatives.empty()) {
    const auto slot = static_cast<uint8_t>(wanted_.size());
    wanted_.push_back({.type = Wanted::Type::string});
    for (const std::string& path : alternatives) {
      tree_.add_unless_taken(path, {.index = slot});
    }
  }
  values_.resize(wanted_.size());
  complete_ = (uint64_t{1} << wanted_.size()) - 1;

  if (severity.enabled) {
    severity_bit_ = uint64_t{1} << wanted_.size();
    complete_ |= severity_bit_;
    const auto add = [&](std::string_view path) {
      const std::string_view name = path.substr(path.rfind('.') + 1);
      tree_.add_unless_taken(path, {.kind = Target::Kind::severity,
                                    .index = static_cast<uint8_t>(scale_of_field(name))});
    };
    if (severity.fields.empty()) {
      std::ranges::for_each(default_severity_fields(), add);
    } else {
      std::ranges::for_each(severity.fields, add);
    }
    if (numbers_ == LevelNumbers::automatic) {
      tree_.add_unless_taken("pid", {.kind = Target::Kind::hint_pid});
      tree_.add_unless_taken("hostname", {.kind = Target::Kind::hint_host});
      tree_.add_unless_taken("v", {.kind = Target::Kind::hint_version});
      tree_.add_unless_taken("time", {.kind = Target::Kind::hint_time});
    }
  }
  tree_.finish(severity_bit_);
}

Extractor::Shape Extractor::run(std::string_view text, Arena& arena) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() != '{') {
    return Shape::not_json;
  }
  while (is_space(text.back())) {
    text.remove_suffix(1);
  }
  // A line that was cut needs no parsing to be known as broken.
  if (text.back() != '}') {
    return Shape::malformed;
  }
  std::ranges::fill(values_, std::string_view());
  found_ = 0;
  severity_ = Severity::unset;
  level_ = -1;
  hints_ = 0;
  broken_ = false;
  const bool ok = reader_.each_field(
      text, arena, [this, n = size_t{0}](JsonRawKey key, JsonToken& value) mutable {
        return visit(tree_, key, n++, value);
      });
  if (!ok || broken_) {
    return Shape::malformed;
  }
  if (level_ >= 0) {
    settle_level(false);  // nothing told that it is pino's
  }
  return Shape::parsed;
}

bool Extractor::visit_known(const FieldTree::Field& field, JsonToken& value) {
  const JsonType type = value.type();
  if (type == JsonType::object && field.inner != nullptr) {
    return visit_inner(*field.inner, value);
  }
  if (type == JsonType::null || !wants(field)) {
    return true;
  }
  std::string_view text;
  if (!value.text(text)) {
    broken_ = true;
    return false;
  }
  for (const Target target : field.targets) {
    take(target, type, text);
  }
  return !all_found();
}

bool Extractor::visit_inner(FieldTree& tree, JsonToken& value) {
  const bool ok = value.each_field([&, n = size_t{0}](JsonRawKey key, JsonToken& inner) mutable {
    return visit(tree, key, n++, inner);
  });
  broken_ |= !ok;
  return !broken_ && !all_found();
}

void Extractor::take(Target target, JsonType type, std::string_view text) noexcept {
  switch (target.kind) {
    case Target::Kind::value:
      take_value(target.index, type, text);
      return;
    case Target::Kind::severity:
      take_severity(static_cast<LevelScale>(target.index), type, text);
      return;
    default:
      hint(target.kind, type, text);
      return;
  }
}

void Extractor::take_value(size_t slot, JsonType type, std::string_view text) noexcept {
  const Wanted& wanted = wanted_[slot];
  const bool nested = type == JsonType::object || type == JsonType::array;
  if ((found_ >> slot & 1) != 0 || (wanted.type == Wanted::Type::scalar && nested) ||
      (wanted.type == Wanted::Type::string && type != JsonType::string)) {
    return;
  }
  if (text.size() > wanted.max_bytes) {
    ++too_long_;
    return;
  }
  values_[slot] = text;
  found_ |= uint64_t{1} << slot;
}

void Extractor::take_severity(LevelScale scale, JsonType type, std::string_view text) noexcept {
  if ((found_ & severity_bit_) != 0 || (type != JsonType::string && type != JsonType::number)) {
    return;
  }
  const bool digits = !text.empty() && text[0] >= '0' && text[0] <= '9';
  Severity severity = Severity::unset;
  if (!digits) {
    severity = type == JsonType::string ? severity_of_word(text) : Severity::unset;
  } else if (const int number = whole_number(text); scale == LevelScale::open_telemetry) {
    severity = severity_of_otel(number);
  } else if (scale == LevelScale::level && numbers_ == LevelNumbers::automatic &&
             is_ambiguous_level(number)) {
    level_ = level_ < 0 ? number : level_;
    settle_if_pino();
    return;
  } else {
    severity =
        severity_of_level(number, scale == LevelScale::level && numbers_ == LevelNumbers::pino);
  }
  if (severity != Severity::unset) {
    severity_ = severity;
    found_ |= severity_bit_;
    level_ = -1;
  }
}

void Extractor::hint(Target::Kind kind, JsonType type, std::string_view text) noexcept {
  if ((kind != Target::Kind::hint_host && type != JsonType::number) ||
      (kind == Target::Kind::hint_time && !is_epoch_ms(text))) {
    return;
  }
  hints_ |= bit(kind);
  settle_if_pino();
}

void Extractor::settle_if_pino() noexcept {
  const bool pino = (hints_ & kPidAndHost) == kPidAndHost ||
                    (hints_ & (bit(Target::Kind::hint_version) | bit(Target::Kind::hint_time)));
  if (level_ >= 0 && pino) {
    settle_level(true);
  }
}

void Extractor::settle_level(bool pino) noexcept {
  severity_ = severity_of_level(level_, pino);
  found_ |= severity_bit_;
  level_ = -1;
}

}  // namespace tailrace::processors::json
