#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/types.h>

#include "plugins/inputs/tail/file.h"

namespace tailrace::inputs::tail {

/// Reads files on the lane without waiting for a disk.
/// Source: preadv2(2), RWF_NOWAIT.
/// Lane:   one per lane.
class WarmReader {
 public:
  enum class Status : uint8_t { ok, cold, failed };
  struct Read {
    Status status = Status::ok;
    size_t bytes = 0;
    int error = 0;  // errno
  };
  /// Up to `size` bytes at `offset`; fewer at the end of the file or of what is in the page cache
  /// (fstat tells which). `may_wait`: read from the disk if need be.
  Read read(const File& file, char* to, size_t size, uint64_t offset, bool may_wait);

 private:
  std::vector<dev_t> waiting_only_;  // filesystems that know no RWF_NOWAIT
};

/// Reads a stretch of a file so that it is in the page cache. Worker thread.
void warm_up(const Descriptor& file, uint64_t offset, size_t bytes);

}  // namespace tailrace::inputs::tail
