#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tailrace::inputs::tail {

/// The two streams of a container. Raw files use out only.
inline constexpr size_t kStreams = 2;
enum Stream : uint8_t { kStdout = 0, kStderr = 1 };

/// No line of the stream was seen yet.
inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

/// How a stream's line that is cut by a point of the file is to be taken up there.
enum class LineState : uint8_t {
  clean,     ///< The next piece begins a line.
  skip,      ///< The line began before the point and is taken care of: pass over its rest.
  inherits,  ///< The line began in the predecessor of a rotation, whose reading hands it over.
};

/// Equal times in a row get +1 ns each by position, so that their order and true repeats survive.
/// A later time that the run has reached already goes on with the run, else it would fall behind
/// the lines before it. Times that go back are left alone.
struct StreamPoint {
  int64_t time = kNoTime;  // with which the run began, as written
  uint32_t repeats = 0;    // lines of the run after the first
  LineState line = LineState::clean;

  /// The time of the stream's next line, whose written time is `written`.
  int64_t stamp(int64_t written) noexcept {
    if (static_cast<uint64_t>(written) - static_cast<uint64_t>(time) <= repeats) [[unlikely]] {
      return time + ++repeats;
    }
    time = written;
    repeats = 0;
    return written;
  }
  friend bool operator==(const StreamPoint&, const StreamPoint&) = default;
};

/// A place in a file from which reading on gives exactly the records that it gave before, byte for
/// byte and nanosecond for nanosecond.
struct ReplayPoint {
  uint64_t offset = 0;
  std::array<StreamPoint, kStreams> streams;
  friend bool operator==(const ReplayPoint&, const ReplayPoint&) = default;
};

}  // namespace tailrace::inputs::tail
