#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace::common::prom {

/// Texts behind each other, which never move. Chunks grow with the store, so a small target costs
/// little and a large one wastes little.
class TextStore {
 public:
  const char* add(std::string_view text) {
    char* at = reserve(text.size());
    if (!text.empty()) {
      std::memcpy(at, text.data(), text.size());
    }
    return at;
  }
  /// Room for `size` bytes that the caller writes.
  char* reserve(size_t size) {
    if (chunks_.empty() || chunks_.back().size - chunks_.back().used < size) {
      const size_t next = std::clamp(bytes_ / 4, kLeast, kMost);
      chunks_.push_back({nullptr, std::max(next, size), 0});
      chunks_.back().data.reset(new char[chunks_.back().size]);
      bytes_ += chunks_.back().size;
    }
    Chunk& chunk = chunks_.back();
    return chunk.data.get() + std::exchange(chunk.used, chunk.used + size);
  }
  size_t bytes() const noexcept { return bytes_; }

  /// Gives back the chunks in front of the one that holds `text`. For moving a store's live texts
  /// to another one in the order in which they were added, without holding all of them twice.
  void release_before(const char* text) noexcept {
    size_t count = 0;
    while (count < chunks_.size() && !chunks_[count].holds(text)) {
      bytes_ -= chunks_[count].size;
      chunks_[count].data.reset();
      ++count;
    }
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(count));
  }

 private:
  static constexpr size_t kLeast = 1024;
  static constexpr size_t kMost = 512 * 1024;
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t size;
    size_t used;
    bool holds(const char* text) const noexcept {
      return text >= data.get() && text < data.get() + used;
    }
  };

  std::vector<Chunk> chunks_;
  size_t bytes_ = 0;
};

}  // namespace tailrace::common::prom
