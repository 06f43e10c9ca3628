#include "codec/md5.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace tailrace::codec {

namespace {

constexpr size_t kBlock = 64;

/// RFC 1321, 3.4: the integer part of 2^32 times the sine of the step (in radians).
const std::array<uint32_t, 64>& sines() {
  static const std::array<uint32_t, 64> table = [] {
    std::array<uint32_t, 64> out{};
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] =
          static_cast<uint32_t>(std::fabs(std::sin(static_cast<double>(i + 1))) * 4294967296.0);
    }
    return out;
  }();
  return table;
}

constexpr int kTurns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

uint32_t little_endian(const uint8_t* at) noexcept {
  return uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}

using State = std::array<uint32_t, 4>;

void add_block(State& state, const uint8_t* block) noexcept {
  auto [a, b, c, d] = state;
  for (uint32_t step = 0; step < 64; ++step) {
    uint32_t mixed = 0;
    uint32_t word = 0;
    switch (step / 16) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = step;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * step + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * step + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = (7 * step) % 16;
    }
    const uint32_t sum = a + mixed + sines()[step] + little_endian(block + size_t{word} * 4);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kTurns[step / 16][step % 4]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

}  // namespace

std::array<uint8_t, 16> md5(std::string_view bytes) noexcept {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= kBlock; left -= kBlock, at += kBlock) {
    add_block(state, at);
  }
  // The rest, a one bit, zeros, and the length in bits in the last eight bytes.
  std::array<uint8_t, 2 * kBlock> tail{};
  if (left > 0) {
    std::memcpy(tail.data(), at, left);
  }
  tail[left] = 0x80;
  const size_t tail_size = left + 9 <= kBlock ? kBlock : 2 * kBlock;
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  for (size_t i = 0; i < 8; ++i) {
    tail[tail_size - 8 + i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  for (size_t done = 0; done < tail_size; done += kBlock) {
    add_block(state, tail.data() + done);
  }
  std::array<uint8_t, 16> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(state[i / 4] >> (8 * (i % 4)));
  }
  return out;
}

}  // namespace tailrace::codec
