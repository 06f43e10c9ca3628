#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/block.h"

/// Input for the micro benchmarks: deterministic, alike the corpus of side_by_side.
namespace tailrace::benchmarks {

/// Lines as a pino service, nginx and klog write them; `json_percent` of them JSON.
std::vector<std::string> sample_lines(size_t count, unsigned json_percent);

/// A block of whole CRI lines, padded as a block that was read.
class SampleBlock {
 public:
  explicit SampleBlock(unsigned json_percent = 40, size_t bytes = kMaxBlockBytes);
  std::string_view bytes() const noexcept { return {text_.data(), size_}; }
  size_t lines() const noexcept { return lines_; }

 private:
  std::string text_;
  size_t size_ = 0;
  size_t lines_ = 0;
};

/// Labels as `tail` gives them to a container's stdout.
std::map<std::string, std::string> sample_labels(unsigned pod);

}  // namespace tailrace::benchmarks
