#pragma once

#include <cstdint>
#include <string_view>

#include "tailrace/result.h"

#include "codec/compression.h"
#include "plugins/common/receiver/reservation.h"

namespace tailrace::common::receiver {

/// What a client hears whose body finds no memory.
inline tl::unexpected<Error> no_memory() {
  return fail(ErrorCode::no_space, "no memory for this body now; send it again later");
}

/// Undoes a compression that does not say how large the content is; what it takes is reserved
/// before it is allocated.
///
/// Errors: invalid (broken), limit (more than `max_bytes` unpacked), no_space (no memory is left
///         for it now).
Result<codec::PaddedBytes> inflate(codec::Compression format, std::string_view body,
                                   uint64_t max_bytes, Reservation& memory);

}  // namespace tailrace::common::receiver
