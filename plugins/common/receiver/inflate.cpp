#include "plugins/common/receiver/inflate.h"

#include <algorithm>

namespace tailrace::common::receiver {

Result<codec::PaddedBytes> inflate(codec::Compression format, std::string_view body,
                                   uint64_t max_bytes, Reservation& memory) {
  // The guess grows until it is enough. It begins well below what there can ever be memory for:
  // what is only guessed to be too large may well fit.
  const uint64_t most = memory.room_at_most() / 2;
  uint64_t guess = std::min({max_bytes, std::max<uint64_t>(body.size() * 8, 64 * 1024),
                             std::max<uint64_t>(most / 4, body.size())});
  uint64_t reserved = 0;
  for (;;) {
    // While output grows the old and the new run of bytes are there together.
    if (const Status room = memory.grow(2 * guess - reserved); !room) {
      return tl::unexpected(room.error());
    }
    reserved = 2 * guess;
    auto out = codec::decompress(format, body, guess);
    if (out || out.error().code != ErrorCode::limit || guess == max_bytes) {
      return out;
    }
    const uint64_t next = std::min(max_bytes, guess * 4);
    guess = guess < most ? std::min(next, most) : next;
  }
}

}  // namespace tailrace::common::receiver
