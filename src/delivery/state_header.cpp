#include "delivery/state_header.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/check.h"

#include "codec/crc32c.h"
#include "delivery/fixed_ints.h"
#include "version_info.h"

namespace tailrace::delivery {

namespace {
// Offsets of the fields.
constexpr size_t kVersion = 8;
constexpr size_t kHeaderSize = 12;
constexpr size_t kNumber = 16;
constexpr size_t kHeaderSalt = 24;
constexpr size_t kBuild = 28;
constexpr size_t kBuildSize = 28;
constexpr size_t kChecksum = 60;
}  // namespace

std::string encode_state_header(std::string_view magic, const StateHeader& header) {
  TR_CHECK(magic.size() == kStateMagicSize);
  std::string bytes(kStateHeaderSize, '\0');
  bytes.replace(0, kStateMagicSize, magic);
  store_u32(&bytes[kVersion], header.version);
  store_u32(&bytes[kHeaderSize], kStateHeaderSize);
  store_u64(&bytes[kNumber], header.number);
  store_u32(&bytes[kHeaderSalt], header.salt);
  const std::string_view build = std::string_view(header.build).substr(0, kBuildSize);
  bytes.replace(kBuild, build.size(), build);
  store_u32(&bytes[kChecksum], state_checksum(std::string_view(bytes).substr(0, kChecksum)));
  return bytes;
}

Result<StateHeader> decode_state_header(std::string_view bytes, std::string_view magic,
                                        uint32_t known_version, std::string_view what) {
  if (bytes.size() < kStateHeaderSize) {
    return fail(ErrorCode::corrupt, fmt::format("{} ends within its header", what));
  }
  if (!bytes.starts_with(magic)) {
    return fail(ErrorCode::corrupt, fmt::format("{} does not begin as such a file does", what));
  }
  if (state_checksum(bytes.substr(0, kChecksum)) != load_u32(&bytes[kChecksum])) {
    return fail(ErrorCode::corrupt, fmt::format("the checksum of {}'s header is wrong", what));
  }
  StateHeader header;
  header.version = load_u32(&bytes[kVersion]);
  header.number = load_u64(&bytes[kNumber]);
  header.salt = load_u32(&bytes[kHeaderSalt]);
  header.build = bytes.substr(kBuild, kBuildSize);
  header.build.resize(std::min(header.build.find('\0'), header.build.size()));
  if (header.version == 0 || header.version > known_version) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} has format {}, written by tailrace {}; this is tailrace {}, which "
                            "knows formats up to {}: run the newer version, or move the file away",
                            what, header.version, header.build, running_build(), known_version));
  }
  return header;
}

uint32_t state_checksum(std::string_view bytes, uint32_t crc) noexcept {
  return codec::crc32c(bytes, crc);
}

std::string_view running_build() noexcept {
  return TAILRACE_VERSION;
}

}  // namespace tailrace::delivery
