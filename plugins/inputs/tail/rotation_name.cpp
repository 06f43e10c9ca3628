#include "plugins/inputs/tail/rotation_name.h"

namespace tailrace::inputs::tail {
namespace {

/// True when `text` has the shape: `9` stands for a digit, anything else for itself.
bool has_shape(std::string_view text, std::string_view shape) noexcept {
  if (text.size() != shape.size()) {
    return false;
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == '9' ? !digit : text[i] != shape[i]) {
      return false;
    }
  }
  return true;
}

bool all_digits(std::string_view text, size_t least, size_t most) noexcept {
  return text.size() >= least && text.size() <= most &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// `20260102`, with hours, minutes and seconds, and with `-%s` behind: what logrotate's dateext
/// writes.
bool is_date(std::string_view text) noexcept {
  const size_t dash = text.find('-');
  return all_digits(text.substr(0, dash), 8, 14) &&
         (dash == std::string_view::npos || all_digits(text.substr(dash + 1), 1, 10));
}

RotatedName stamped(std::string_view base, std::string_view stamp, bool certain) {
  RotatedName name;
  name.base = base;
  name.stamp = stamp;
  name.certain = certain;
  return name;
}

/// `<stem>-2026-01-02T03-04-05.678<extension>`
std::optional<RotatedName> parse_lumberjack(std::string_view name) {
  constexpr std::string_view kShape = "-9999-99-99T99-99-99.999";
  for (size_t at = name.find('-');
       at != std::string_view::npos && name.size() - at >= kShape.size();
       at = name.find('-', at + 1)) {
    const std::string_view behind = name.substr(at + kShape.size());
    if (at > 0 && has_shape(name.substr(at, kShape.size()), kShape) &&
        (behind.empty() || behind.front() == '.')) {
      std::string base(name.substr(0, at));
      base += behind;
      return stamped(base, name.substr(at + 1, kShape.size() - 1), true);
    }
  }
  return std::nullopt;
}

std::optional<RotatedName> parse_uncompressed(std::string_view name) {
  if (auto found = parse_lumberjack(name)) {
    return found;
  }
  if (const size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0) {
    const std::string_view base = name.substr(0, dot);
    const std::string_view suffix = name.substr(dot + 1);
    if (has_shape(suffix, "99999999-999999")) {
      return stamped(base, suffix, true);
    }
    if (has_shape(suffix, "9999-99-99") || has_shape(suffix, "9999-99-99-99") ||
        has_shape(suffix, "9999-99-99-99-99") || has_shape(suffix, "99999999")) {
      return stamped(base, suffix, false);
    }
    if (all_digits(suffix, 1, 4) && suffix.front() != '0') {
      RotatedName found;
      found.base = base;
      found.number = static_cast<uint32_t>(std::stoul(std::string(suffix)));
      return found;
    }
  }
  for (size_t dash = name.find('-'); dash != std::string_view::npos;
       dash = name.find('-', dash + 1)) {
    if (dash > 0 && is_date(name.substr(dash + 1))) {
      return stamped(name.substr(0, dash), name.substr(dash + 1), false);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<RotatedName> parse_rotated(std::string_view name) {
  constexpr std::string_view kGzip = ".gz";
  const bool gzip = name.size() > kGzip.size() && name.substr(name.size() - 3) == kGzip;
  auto found = parse_uncompressed(gzip ? name.substr(0, name.size() - kGzip.size()) : name);
  if (found) {
    found->gzip = gzip;
  }
  return found;
}

std::optional<bool> is_older(const RotatedName& a, const RotatedName& b) noexcept {
  if (a.number != 0 && b.number != 0) {
    return a.number > b.number;
  }
  if (a.number == 0 && b.number == 0) {
    return a.stamp < b.stamp;
  }
  return std::nullopt;
}

}  // namespace tailrace::inputs::tail
