#pragma once

#include <cstdint>
#include <string_view>

#include "tailrace/result.h"

#include "codec/compression.h"
#include "plugins/common/receiver/reservation.h"

namespace tailrace::common::receiver {

/// Undoes a compression that does not say how large the content is; what it takes is reserved
/// before it is allocated.
///
/// Errors: invalid (broken), limit (more than `max_bytes` unpacked), and those of
/// Reservation::grow.
Result<codec::PaddedBytes> inflate(codec::Compression format, std::string_view body,
                                   uint64_t max_bytes, Reservation& memory);

}  // namespace tailrace::common::receiver
