#pragma once

#include <atomic>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace tailrace::delivery {

/// Where a test build can be told to lose what it holds.
enum class TestPoint : int { after_framing, before_seal, after_send };

#ifdef TAILRACE_TEST_HOOKS
inline constexpr int kNoTestPoint = -1;

/// The point that is armed: by the environment (TAILRACE_TEST_DISCARD names it) or by a test.
inline std::atomic<int>& armed_test_point() noexcept {
  static std::atomic<int> armed = [] {
    static constexpr std::string_view kNames[] = {"after_framing", "before_seal", "after_send"};
    const char* const wanted = std::getenv("TAILRACE_TEST_DISCARD");
    for (int i = 0; wanted != nullptr && i < static_cast<int>(std::size(kNames)); ++i) {
      if (kNames[i] == wanted) {
        return i;
      }
    }
    return kNoTestPoint;
  }();
  return armed;
}

/// The next caller at this point will lose what it holds.
inline void arm_test_point(TestPoint point) noexcept {
  armed_test_point() = static_cast<int>(point);
}
#endif

/// In test builds (meson option `test_hooks`), true once when the point is armed: the caller then
/// loses what it holds, and the ledger must notice.
inline bool test_discards([[maybe_unused]] TestPoint point) noexcept {
#ifdef TAILRACE_TEST_HOOKS
  int armed = static_cast<int>(point);
  return armed_test_point().compare_exchange_strong(armed, kNoTestPoint);
#else
  return false;
#endif
}

}  // namespace tailrace::delivery
