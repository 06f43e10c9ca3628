#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/result.h"

namespace tailrace::delivery {

/// Size of the header that every binary state file of ours begins with.
inline constexpr size_t kStateHeaderSize = 64;
/// Length of a magic: says what kind of file it is.
inline constexpr size_t kStateMagicSize = 8;

/// Says what a state file is and who wrote it. These 64 bytes have the same layout in all versions,
/// so that an older agent can refuse a newer file clearly. Layout: SPOOL_FORMAT.md.
struct StateHeader {
  uint32_t version = 0;
  uint64_t number = 0;  ///< Of the segment; of the checkpoint file, how often it was written.
  uint32_t salt = 0;    ///< Random; ties a segment's records to it. 0 elsewhere.
  std::string build;    ///< Version of the agent that wrote it; cut at 28 bytes.
};

std::string encode_state_header(std::string_view magic, const StateHeader& header);

/// Errors: corrupt (too short, another magic, a wrong checksum), unsupported (a version above
/// `known_version`; the message names both). `what` names the file in messages.
Result<StateHeader> decode_state_header(std::string_view bytes, std::string_view magic,
                                        uint32_t known_version, std::string_view what);

/// The checksum of all our state files: CRC-32C.
uint32_t state_checksum(std::string_view bytes, uint32_t crc = 0) noexcept;

/// The version of the running agent, as it stands in headers.
std::string_view running_build() noexcept;

}  // namespace tailrace::delivery
