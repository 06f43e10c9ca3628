#include "plugins/inputs/loki_push/body_unpacker.h"

#include "codec/snappy.h"
#include "plugins/common/receiver/inflate.h"

namespace tailrace::inputs::loki_push {

using codec::PaddedBytes;

Result<PaddedBytes> unpack_body(const BodyForm& form, Bytes body_and_padding, size_t size,
                                uint64_t max_bytes, Reservation& memory) {
  PaddedBytes body(std::move(body_and_padding), size);
  if (form.outer) {
    auto inflated = common::receiver::inflate(*form.outer, body.view(), max_bytes, memory);
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
  if (*declared <= max_bytes) {
    if (const Status room = memory.grow(*declared); !room) {
      return tl::unexpected(room.error());
    }
  }
  return codec::snappy_uncompress(body.view(), max_bytes);
}

}  // namespace tailrace::inputs::loki_push
