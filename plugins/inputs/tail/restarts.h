#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace::inputs::tail {

/// A container that is started anew writes its log to another file of the same folder, in the same
/// streams: after `0.log` comes `1.log`.
struct RestartNumber {
  std::string directory;  ///< With its slash.
  uint32_t number = 0;    ///< How often the container had been started before.

  /// The log of the start that is so many later (or earlier, below 0). Nothing before the first.
  std::optional<std::string> path(int64_t later) const;
};

/// Nothing when it is not the log of a container as the kubelet lays it out.
std::optional<RestartNumber> restart_number(std::string_view real_path);

/// The kubelet keeps one dead container; a few more may be waiting for its garbage collection.
inline constexpr int64_t kMostRestarts = 4;

}  // namespace tailrace::inputs::tail
