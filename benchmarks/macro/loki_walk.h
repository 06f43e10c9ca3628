#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

/// Walks a Loki PushRequest (uncompressed protobuf) just deeply enough to see each entry's time and
/// line. For benchmarks only; returns false when the bytes are no PushRequest.
namespace tailrace::benchmarks {

struct ProtoCursor {
  const unsigned char* at;
  const unsigned char* end;

  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; at < end && shift < 64; shift += 7) {
      const uint64_t byte = *at++;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return true;
      }
    }
    return false;
  }
  /// Next field: its number, and its bytes or its value.
  bool field(uint64_t& number, std::string_view& bytes, uint64_t& value) {
    uint64_t key = 0;
    if (!varint(key)) {
      return false;
    }
    number = key >> 3;
    if ((key & 7) == 0) {
      return varint(value);
    }
    if ((key & 7) != 2 || !varint(value) || value > static_cast<uint64_t>(end - at)) {
      return false;
    }
    bytes = {reinterpret_cast<const char*>(at), value};
    at += value;
    return true;
  }
};

inline ProtoCursor cursor(std::string_view bytes) {
  const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
  return {begin, begin + bytes.size()};
}

/// Calls `on_entry(timestamp ns, line)` for every entry.
inline bool walk_push_request(std::string_view request,
                              const std::function<void(int64_t, std::string_view)>& on_entry) {
  uint64_t number = 0;
  uint64_t value = 0;
  std::string_view stream;
  for (ProtoCursor top = cursor(request); top.at < top.end;) {
    if (!top.field(number, stream, value) || number != 1) {
      return false;
    }
    std::string_view entry;
    for (ProtoCursor inner = cursor(stream); inner.at < inner.end;) {
      if (!inner.field(number, entry, value)) {
        return false;
      }
      if (number != 2) {
        continue;
      }
      int64_t timestamp = 0;
      std::string_view line;
      std::string_view part;
      for (ProtoCursor fields = cursor(entry); fields.at < fields.end;) {
        if (!fields.field(number, part, value)) {
          return false;
        }
        if (number == 2) {
          line = part;
        } else if (number == 1) {
          std::string_view unused;
          for (ProtoCursor time = cursor(part); time.at < time.end;) {
            if (!time.field(number, unused, value)) {
              return false;
            }
            timestamp += static_cast<int64_t>(value) * (number == 1 ? 1'000'000'000 : 1);
          }
        }
      }
      on_entry(timestamp, line);
    }
  }
  return true;
}

}  // namespace tailrace::benchmarks
