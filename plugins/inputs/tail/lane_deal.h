#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace tailrace::inputs::tail {

/// Which lane reads which container's (or other path's) files: dealt out evenly, to the lane with
/// the fewest, when the first lane asks, and kept from then on. By a hash alone, ten files would
/// lie 6:4 on two lanes about as often as 5:5. See docs/adr/0003.
///
/// Lane: all lanes of an input share one, and ask it only when they find what they did not know.
class LaneDeal {
 public:
  /// The lane, of `lanes`, that files with this order hash belong to.
  uint32_t owner(uint64_t order_hash, uint32_t lanes);
  /// Its owner has one more (one less) path of it, so that those that are gone do not count.
  void taken(uint64_t order_hash);
  void gone(uint64_t order_hash);

 private:
  struct Entry {
    uint32_t lane = 0;
    uint32_t paths = 0;
    bool counts = true;
  };
  std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> entries_;
  std::vector<size_t> held_;  // by lane
};

}  // namespace tailrace::inputs::tail
