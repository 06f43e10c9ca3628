#pragma once

namespace tailrace::detail {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}

/// A broken invariant ends the process, in every build: going on could lose or corrupt data.
#define TR_CHECK(condition)                                             \
  do {                                                                  \
    if (!(condition)) [[unlikely]] {                                    \
      ::tailrace::detail::check_failed(#condition, __FILE__, __LINE__); \
    }                                                                   \
  } while (false)

/// The same in debug builds only, for checks on the path of every record.
#ifdef NDEBUG
#define TR_ASSERT(condition) static_cast<void>(0)
#else
#define TR_ASSERT(condition) TR_CHECK(condition)
#endif
