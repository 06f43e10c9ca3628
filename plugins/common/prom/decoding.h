#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "tailrace/arena.h"

/// What the parts of WriteReader share.
namespace tailrace::common::prom {

inline constexpr const char* kBroken = "the body does not decode";

/// A copy in the arena.
template <class T>
std::span<const T> keep(Arena& arena, const std::vector<T>& from) {
  T* to = arena.array<T>(from.size());
  std::copy(from.begin(), from.end(), to);
  return {to, from.size()};
}

}  // namespace tailrace::common::prom
