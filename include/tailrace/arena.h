#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tailrace {

/// A bump allocator for what lives as long as one unit (a block, a page, a body) is worked on.
///
/// Lifetime: everything handed out is gone at reset(); destructors are not run.
/// Lane:     one per lane, not thread-safe.
class Arena {
 public:
  explicit Arena(size_t chunk_bytes = 64 * 1024) : chunk_bytes_(chunk_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes, size_t alignment) {
    uintptr_t at = (reinterpret_cast<uintptr_t>(next_) + alignment - 1) & ~(alignment - 1);
    if (next_ == nullptr || at + bytes > reinterpret_cast<uintptr_t>(end_)) {
      grow(bytes + alignment);
      at = (reinterpret_cast<uintptr_t>(next_) + alignment - 1) & ~(alignment - 1);
    }
    next_ = reinterpret_cast<char*>(at + bytes);
    return reinterpret_cast<void*>(at);
  }

  /// An uninitialised array.
  template <class T>
  T* array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }

  std::string_view copy(std::string_view text) {
    char* at = array<char>(text.size());
    if (!text.empty()) {
      std::memcpy(at, text.data(), text.size());
    }
    return {at, text.size()};
  }

  /// Gives everything back; keeps up to `keep_bytes` of chunks for the next unit.
  void reset(size_t keep_bytes = 1024 * 1024);

  size_t reserved_bytes() const noexcept { return reserved_; }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t size;
  };
  void grow(size_t at_least);

  size_t chunk_bytes_;
  std::vector<Chunk> chunks_;
  size_t current_ = 0;  // index of the chunk that next_ points into
  char* next_ = nullptr;
  char* end_ = nullptr;
  size_t reserved_ = 0;
};

}  // namespace tailrace
