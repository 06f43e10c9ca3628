#pragma once

#include <cstdint>

#include <sys/inotify.h>

/// The kernel's events that are asked for, of directories.
/// Source: inotify(7).
namespace tailrace::inputs::tail {

/// Names that come and go.
inline constexpr uint32_t kDirectoryEvents =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
/// Writes to the files in it.
inline constexpr uint32_t kFileEvents = IN_MODIFY;

}  // namespace tailrace::inputs::tail
