#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailrace::contract {

/// Messages one after the other, each behind its length in four bytes, most significant first. Such
/// bodies are merged by putting one behind the other, as protobuf messages of one type are.

/// Takes the first message, with its length, off `bytes`; nothing if they do not begin with one.
std::optional<std::string_view> take_frame(std::string_view& bytes) noexcept;
/// All messages with their lengths; nothing if a single one is broken.
std::optional<std::vector<std::string_view>> read_frames(std::string_view bytes);
/// A message behind its length.
std::string frame(std::string_view message);

}  // namespace tailrace::contract
