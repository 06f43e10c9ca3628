#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tailrace/result.h"

namespace tailrace::codec {

/// Reads a gzip file as if it were its content, front to back, with a fixed small amount of memory
/// (about 96 KiB).
///
/// Shape:    read() from position(); seek() goes forwards by decompressing and dropping.
/// Lifetime: the descriptor is borrowed; it is read by pread, so its own offset does not move.
/// Lane:     blocks on the disk and burns CPU: use it on a worker thread, one thread at a time.
/// Errors:   io for a failed read; corrupt for what is not gzip, or cut off in the middle.
class GzipReader {
 public:
  explicit GzipReader(int fd);
  ~GzipReader();
  GzipReader(GzipReader&&) noexcept;
  GzipReader& operator=(GzipReader&&) noexcept;

  /// Up to `size` bytes of content; less only at the end. 0 = the end.
  Result<size_t> read(char* to, size_t size);
  /// To this offset of the content, or to its end when that comes first. Offsets before position()
  /// are refused (ErrorCode::unsupported): make a new reader.
  Status seek(uint64_t offset);
  /// Offset into the content of the next byte.
  uint64_t position() const noexcept;
  /// True after read() or seek() met the end of the content.
  bool at_end() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tailrace::codec
