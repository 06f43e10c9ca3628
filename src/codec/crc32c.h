#pragma once

#include <cstdint>
#include <string_view>

namespace tailrace::codec {

/// CRC-32C (Castagnoli), as in iSCSI and ext4: crc32c("123456789") == 0xe3069283. To continue a
/// checksum over several pieces give the last result as `crc`.
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0) noexcept;

/// The same without special instructions; for tests and other processors.
uint32_t crc32c_portable(std::string_view bytes, uint32_t crc = 0) noexcept;

}  // namespace tailrace::codec
