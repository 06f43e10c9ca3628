#include "plugins/inputs/tail/newline_index.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "tailrace/block.h"

namespace tailrace::inputs::tail {
namespace {

constexpr size_t kStep = 64;
static_assert(kBlockPadding >= kStep, "the last step reads past the end");

/// What one step of 64 bytes sees: a bit per newline, and whether any byte is above 0x7f.
struct Step {
  uint64_t newlines;
  uint64_t high;
};

#if defined(__x86_64__)
inline Step look_sse2(const char* at) noexcept {
  const __m128i newline = _mm_set1_epi8('\n');
  uint64_t newlines = 0;
  uint64_t high = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at) + i);
    const auto found = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newline)));
    newlines |= static_cast<uint64_t>(found) << (16 * i);
    high |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(bytes))) << (16 * i);
  }
  return {newlines, high};
}

__attribute__((target("avx2,bmi"))) inline Step look_avx2(const char* at) noexcept {
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i up = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at) + 1);
  const auto mask = [](__m256i bytes) __attribute__((target("avx2"))) {
    return static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(bytes)));
  };
  return {mask(_mm256_cmpeq_epi8(low, newline)) | mask(_mm256_cmpeq_epi8(up, newline)) << 32,
          mask(low) | mask(up) << 32};
}
#else
inline Step look_portably(const char* at) noexcept {
  constexpr uint64_t kLow = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  Step step{0, 0};
  for (unsigned i = 0; i < 8; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, at + 8 * i, 8);
    step.high |= word & kHigh;
    const uint64_t x = word ^ (kLow * '\n');
    // A byte of x that is zero, exactly (no carries between bytes).
    uint64_t zero = ~(((x & ~kHigh) + ~kHigh) | x | ~kHigh);
    for (; zero != 0; zero &= zero - 1) {
      const unsigned byte = std::endian::native == std::endian::little
                                ? static_cast<unsigned>(std::countr_zero(zero)) / 8
                                : 7 - static_cast<unsigned>(std::countr_zero(zero)) / 8;
      step.newlines |= uint64_t{1} << (8 * i + byte);
    }
  }
  return step;
}
#endif

/// The loop around a step; inlined into a function for each kind of machine.
template <class Look>
[[gnu::always_inline]] inline NewlineScan scan(const char* data, size_t size, uint32_t* offsets,
                                               size_t most, Look look) noexcept {
  size_t count = 0;
  uint64_t high = 0;
  for (size_t at = 0; at < size; at += kStep) {
    Step step = look(data + at);
    if (size - at < kStep) {
      const uint64_t inside = ~uint64_t{0} >> (kStep - (size - at));
      step.newlines &= inside;
      step.high &= inside;
    }
    high |= step.high;
    const size_t after = count + static_cast<size_t>(std::popcount(step.newlines));
    if (after > most) [[unlikely]] {
      for (uint64_t left = step.newlines; count < most; left &= left - 1) {
        offsets[count++] = static_cast<uint32_t>(at + static_cast<size_t>(std::countr_zero(left)));
      }
      return {count, count == 0 ? 0 : size_t{offsets[count - 1]} + 1, high == 0};
    }
    for (uint64_t left = step.newlines; left != 0; left &= left - 1) {
      offsets[count++] = static_cast<uint32_t>(at + static_cast<size_t>(std::countr_zero(left)));
    }
  }
  return {count, size, high == 0};
}

#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) NewlineScan scan_avx2(const char* data, size_t size,
                                                          uint32_t* offsets, size_t most) noexcept {
  size_t count = 0;
  uint64_t high = 0;
  size_t at = 0;
  for (; at + kStep <= size; at += kStep) {
    const Step step = look_avx2(data + at);
    high |= step.high;
    uint64_t left = step.newlines;
    if (count + kStep > most) [[unlikely]] {
      break;  // the careful loop below counts
    }
    for (; left != 0; left = _blsr_u64(left)) {
      offsets[count++] = static_cast<uint32_t>(at + static_cast<size_t>(std::countr_zero(left)));
    }
  }
  NewlineScan rest = scan(
      data + at, size - at, offsets + count, most - count,
      [](const char* p) __attribute__((target("avx2,bmi"))) { return look_avx2(p); });
  for (size_t i = count; i < count + rest.count; ++i) {
    offsets[i] += static_cast<uint32_t>(at);
  }
  return {count + rest.count, at + rest.scanned, high == 0 && rest.ascii};
}
#endif

}  // namespace

NewlineScan detail::find_newlines_portably(const char* data, size_t size, uint32_t* offsets,
                                           size_t most) noexcept {
  NewlineScan result{0, size, true};
  for (size_t i = 0; i < size; ++i) {
    result.ascii = result.ascii && (static_cast<uint8_t>(data[i]) & 0x80) == 0;
    if (data[i] == '\n') {
      if (result.count == most) {
        result.scanned = most == 0 ? 0 : size_t{offsets[most - 1]} + 1;
        break;
      }
      offsets[result.count++] = static_cast<uint32_t>(i);
    }
  }
  return result;
}

NewlineScan find_newlines(const char* data, size_t size, uint32_t* offsets, size_t most) noexcept {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
  if (has_avx2) {
    return scan_avx2(data, size, offsets, most);
  }
  return scan(data, size, offsets, most, look_sse2);
#else
  return scan(data, size, offsets, most, look_portably);
#endif
}

}  // namespace tailrace::inputs::tail
