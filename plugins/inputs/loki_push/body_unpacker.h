#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tailrace/result.h"

#include "codec/padded_bytes.h"
#include "plugins/common/receiver/reservation.h"
#include "plugins/inputs/loki_push/push_head.h"

namespace tailrace::inputs::loki_push {

using common::receiver::Reservation;

/// Undoes a body's compressions; what they take is reserved before it is allocated.
///
/// Errors: invalid (broken), limit (more than `max_bytes` unpacked), no_space (no memory is left
///         for it now).
Result<codec::PaddedBytes> unpack_body(const BodyForm& form, Bytes body_and_padding, size_t size,
                                       uint64_t max_bytes, Reservation& memory);

}  // namespace tailrace::inputs::loki_push
