#include "tailrace/bytes.h"

#include <array>
#include <cstdlib>
#include <utility>

#include <malloc.h>

namespace tailrace {

namespace {

#ifdef TAILRACE_SANITIZERS
constexpr bool kKeepsRuns = false;  // what is used after it was freed shall be found
#else
constexpr bool kKeepsRuns = true;
#endif

// What is smaller malloc keeps by itself; what is larger is seldom needed again soon.
constexpr size_t kLeast = 4 * 1024;
constexpr size_t kMost = 128 * 1024;
constexpr size_t kMostRuns = 8;

/// The runs that a thread freed last, for its next ones of about their size. Bodies come and go by
/// the thousand in a second; malloc, to which they are large, joins each with its neighbours,
/// perhaps gives it back to the system, and cuts it out once more: a tenth of what it costs to pass
/// a small request on.
struct SpareRuns {
  std::array<void*, kMostRuns> runs;
  size_t oldest;
  bool is_over;  // the thread ends
};

// Nothing to construct or to destroy, so that what is freed late in a thread's end finds it.
thread_local constinit SpareRuns spare{};

struct AtThreadEnd {
  ~AtThreadEnd() {
    spare.is_over = true;
    for (void*& run : spare.runs) {
      std::free(std::exchange(run, nullptr));
    }
  }
};

void* take_spare(size_t size) noexcept {
  for (void*& run : spare.runs) {
    if (run == nullptr) {
      continue;
    }
    if (const size_t room = malloc_usable_size(run); room >= size && room - size <= size / 4) {
      return std::exchange(run, nullptr);
    }
  }
  return std::malloc(size);
}

void keep_spare(void* run) noexcept {
  const size_t room = malloc_usable_size(run);
  if (room < kLeast || room > kMost || spare.is_over) {
    std::free(run);
    return;
  }
  static thread_local const AtThreadEnd at_thread_end;
  for (void*& place : spare.runs) {
    if (place == nullptr) {
      place = run;
      return;
    }
  }
  std::free(std::exchange(spare.runs[spare.oldest], run));
  spare.oldest = (spare.oldest + 1) % kMostRuns;
}

}  // namespace

void* allocate_bytes(size_t size) noexcept {
  return kKeepsRuns && size >= kLeast && size <= kMost ? take_spare(size) : std::malloc(size);
}

void free_bytes(void* run) noexcept {
  if (kKeepsRuns && run != nullptr) {
    keep_spare(run);
  } else {
    std::free(run);
  }
}

}  // namespace tailrace
