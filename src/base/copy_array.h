#pragma once

#include <algorithm>
#include <cstddef>

#include "tailrace/arena.h"

namespace tailrace {

/// A copy in the arena of an array of plain values; null stays null.
template <class T>
T* copy_array(Arena& arena, const T* from, size_t count) {
  if (from == nullptr) {
    return nullptr;
  }
  T* to = arena.array<T>(count);
  std::copy_n(from, count, to);
  return to;
}

}  // namespace tailrace
