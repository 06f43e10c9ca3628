#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "codec/gzip_reader.h"
#include "plugins/inputs/tail/descriptor.h"

namespace tailrace::inputs::tail {

/// The content of a gzip file, a block at a time. What a unit leaves unfinished is kept in front of
/// the next block, since a gzip file cannot be read backwards.
class GzipContent {
 public:
  explicit GzipContent(std::shared_ptr<const Descriptor> file);

  /// Reads on. Worker thread; the lane leaves this alone meanwhile. A `position` that does not
  /// follow on what was consumed is sought for, from the beginning if need be.
  void fill(uint64_t position);

  /// The content from the position on, with kBlockPadding behind it.
  std::string_view bytes() const noexcept { return {buffer_.get() + begin_, size_ - begin_}; }
  void consume(size_t bytes) noexcept { begin_ += bytes; }
  bool at_end() const noexcept { return at_end_; }
  const std::string& problem() const noexcept { return problem_; }
  /// Gives the buffer back until the next fill().
  void release();

 private:
  std::shared_ptr<const Descriptor> file_;
  std::unique_ptr<codec::GzipReader> reader_;
  std::unique_ptr<char[]> buffer_;
  size_t begin_ = 0;
  size_t size_ = 0;
  bool at_end_ = false;
  std::string problem_;
};

}  // namespace tailrace::inputs::tail
