#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace tailrace::common::prom {

inline constexpr uint32_t kNoId = UINT32_MAX;

/// A hash table of ids: open addressing, four bytes a place. What an id stands for, and its hash,
/// the owner of the ids knows.
class IdTable {
 public:
  /// The id with this hash for which `same(id)`, or kNoId.
  template <class Same>
  uint32_t find(uint64_t hash, Same same) const {
    if (places_ == nullptr) {
      return kNoId;
    }
    for (size_t at = spread(hash) & mask_; places_[at] != 0; at = (at + 1) & mask_) {
      if (same(places_[at] - 1)) {
        return places_[at] - 1;
      }
    }
    return kNoId;
  }
  /// `hash_of(id)` gives the hash of any id that is in the table.
  template <class HashOf>
  void insert(uint32_t id, uint64_t hash, HashOf hash_of) {
    if (places_ == nullptr || (used_ + 1) * 4 > (mask_ + 1) * 3) {
      grow(hash_of);
    }
    put(id, hash);
  }
  void clear() noexcept {
    places_.reset();
    mask_ = used_ = 0;
  }
  size_t bytes() const noexcept { return places_ == nullptr ? 0 : (mask_ + 1) * sizeof(uint32_t); }

 private:
  struct Free {
    void operator()(uint32_t* places) const noexcept { std::free(places); }
  };
  static uint64_t spread(uint64_t hash) noexcept { return hash ^ hash >> 32; }

  void put(uint32_t id, uint64_t hash) noexcept {
    size_t at = spread(hash) & mask_;
    while (places_[at] != 0) {
      at = (at + 1) & mask_;
    }
    places_[at] = id + 1;
    ++used_;
  }
  template <class HashOf>
  void grow(HashOf hash_of) {
    static constexpr size_t kLeast = 64;
    const size_t old_size = places_ == nullptr ? 0 : mask_ + 1;
    const size_t size = old_size == 0 ? kLeast : old_size * 2;
    const std::unique_ptr<uint32_t[], Free> old = std::move(places_);
    places_.reset(static_cast<uint32_t*>(std::calloc(size, sizeof(uint32_t))));
    mask_ = size - 1;
    used_ = 0;
    for (size_t i = 0; i < old_size; ++i) {
      if (const uint32_t place = old[i]; place != 0) {
        put(place - 1, hash_of(place - 1));
      }
    }
  }

  std::unique_ptr<uint32_t[], Free> places_;
  size_t mask_ = 0;
  size_t used_ = 0;
};

}  // namespace tailrace::common::prom
