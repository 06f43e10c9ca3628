#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace::inputs::tail {

/// A name that a rotation gives to a file, taken apart.
///
/// | who | name |
/// |---|---|
/// | kubelet | `0.log.20260102-030405`, then `….gz` |
/// | docker, logrotate | `app.log.1`, `app.log.2.gz` |
/// | logrotate dateext | `app.log-20260102`, `app.log-2026010203`, `app.log-20260102-1767323045` |
/// | log4j, logback | `app.log.2026-01-02`, `app.log.2026-01-02-03`, `app.log.20260102` |
/// | lumberjack (Go) | `app-2026-01-02T03-04-05.678.log` |
struct RotatedName {
  std::string base;     ///< The name before the rotation: `app.log`.
  std::string stamp;    ///< When there is no number: rises with time within one scheme.
  uint32_t number = 0;  ///< Falls with time; 0 = it has a stamp.
  bool gzip = false;
  /// Nothing but a rotation makes such names, so the base need not be there to believe it.
  bool certain = false;
};

/// Nothing when the name is not one that a rotation gives.
std::optional<RotatedName> parse_rotated(std::string_view name);

/// True when `a` holds older lines than `b` by their names; nothing when the names don't tell.
std::optional<bool> is_older(const RotatedName& a, const RotatedName& b) noexcept;

}  // namespace tailrace::inputs::tail
