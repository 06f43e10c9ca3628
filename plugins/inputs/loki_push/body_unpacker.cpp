#include "plugins/inputs/loki_push/body_unpacker.h"

#include <algorithm>

#include "codec/snappy.h"

namespace tailrace::inputs::loki_push {
namespace {

using codec::PaddedBytes;

tl::unexpected<Error> no_memory() {
  return fail(ErrorCode::no_space, "no memory for this body now; send it again later");
}

/// gzip and deflate do not say how large they become: the guess grows until it is enough.
Result<PaddedBytes> inflate(codec::Compression outer, std::string_view body, uint64_t max_bytes,
                            Reservation& memory) {
  uint64_t guess = std::min<uint64_t>(max_bytes, std::max<uint64_t>(body.size() * 8, 64 * 1024));
  size_t reserved = 0;
  for (;;) {
    // While output grows the old and the new run of bytes are there together.
    if (!memory.grow(2 * guess - reserved)) {
      return no_memory();
    }
    reserved = 2 * guess;
    auto out = codec::decompress(outer, body, guess);
    if (out || out.error().code != ErrorCode::limit || guess == max_bytes) {
      return out;
    }
    guess = std::min(max_bytes, guess * 4);
  }
}

}  // namespace

Result<PaddedBytes> unpack_body(const BodyForm& form, Bytes body_and_padding, size_t size,
                                uint64_t max_bytes, Reservation& memory) {
  PaddedBytes body(std::move(body_and_padding), size);
  if (form.outer) {
    auto inflated = inflate(*form.outer, body.view(), max_bytes, memory);
    if (!inflated) {
      return inflated;
    }
    body = std::move(*inflated);
  }
  if (form.format == tailrace::loki::PushFormat::json) {
    return body;
  }
  const auto declared = codec::snappy_declared_size(body.view());
  if (!declared) {
    return tl::unexpected(declared.error());
  }
  // A length over the limit is refused by snappy_uncompress, without memory.
  if (*declared <= max_bytes && !memory.grow(*declared)) {
    return no_memory();
  }
  return codec::snappy_uncompress(body.view(), max_bytes);
}

}  // namespace tailrace::inputs::loki_push
