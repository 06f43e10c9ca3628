#include "codec/hash.h"

#include <xxhash.h>

namespace tailrace::codec {

uint64_t stable_hash(std::string_view bytes, uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace tailrace::codec
