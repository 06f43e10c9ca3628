#pragma once

#include <cstdlib>
#include <string_view>

namespace tailrace::delivery {

enum class TestPoint { after_framing, before_seal, after_send };

/// In test builds (meson option `test_hooks`), true once when TAILRACE_TEST_DISCARD names the
/// point: the caller then loses what it holds, and the ledger must notice.
inline bool test_discards([[maybe_unused]] TestPoint point) noexcept {
#ifdef TAILRACE_TEST_HOOKS
  static constexpr std::string_view kNames[] = {"after_framing", "before_seal", "after_send"};
  static const char* const wanted = std::getenv("TAILRACE_TEST_DISCARD");
  static bool done = false;
  if (wanted != nullptr && !done && kNames[static_cast<int>(point)] == wanted) {
    done = true;
    return true;
  }
#endif
  return false;
}

}  // namespace tailrace::delivery
