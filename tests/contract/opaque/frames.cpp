#include "frames.h"

namespace tailrace::contract {

namespace {
constexpr size_t kLengthBytes = 4;
}

std::optional<std::string_view> take_frame(std::string_view& bytes) noexcept {
  if (bytes.size() < kLengthBytes) {
    return std::nullopt;
  }
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  if (bytes.size() - kLengthBytes < length) {
    return std::nullopt;
  }
  const std::string_view whole = bytes.substr(0, kLengthBytes + length);
  bytes.remove_prefix(whole.size());
  return whole;
}

std::optional<std::vector<std::string_view>> read_frames(std::string_view bytes) {
  std::vector<std::string_view> frames;
  while (!bytes.empty()) {
    const auto next = take_frame(bytes);
    if (!next) {
      return std::nullopt;
    }
    frames.push_back(*next);
  }
  return frames;
}

std::string frame(std::string_view message) {
  std::string out;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    out.push_back(static_cast<char>(message.size() >> (8 * (kLengthBytes - 1 - i))));
  }
  return out.append(message);
}

}  // namespace tailrace::contract
