#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "plugins/inputs/tail/file.h"

namespace tailrace::inputs::tail {

struct OpenTask {
  std::string path;
  bool gzip = false;
};

/// A file that was opened, with what is needed to tell which one it is.
struct OpenedFile {
  std::shared_ptr<const Descriptor> descriptor;  // null: see error
  int error = 0;                                 // errno
  FileId id;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  std::string head;     // its first bytes (of a gzip file: of the content)
  std::string problem;  // its beginning cannot be read
};

/// The file's first bytes, as many as a fingerprint covers. False when they cannot be read: errno
/// says why. Blocks when they are not in the page cache.
bool read_head(const Descriptor& file, std::string& head);

/// Opens a file and reads its head; whatever is not a regular file is refused. Worker thread.
OpenedFile open_file(const OpenTask& task);

/// Where reading should begin to get only what is written from now on: behind the last newline.
/// Worker thread.
uint64_t end_of_lines(const OpenedFile& file);

}  // namespace tailrace::inputs::tail
