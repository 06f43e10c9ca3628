#pragma once

#include <cstdint>
#include <string_view>

namespace tailrace::codec {

/// A hash that is the same in every run, on every machine (XXH3, 64 bits): it may go to disk and
/// decide about shards and lanes.
uint64_t stable_hash(std::string_view bytes, uint64_t seed = 0) noexcept;

}  // namespace tailrace::codec
