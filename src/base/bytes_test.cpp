#include "tailrace/bytes.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace tailrace;

TEST_CASE("Bytes: what was freed serves the next of about its size, and each has its own") {
  constexpr size_t kSize = 17'000;
  for (int round = 0; round < 3; ++round) {
    std::vector<Bytes> runs;
    for (int i = 0; i < 20; ++i) {
      runs.emplace_back(kSize + static_cast<size_t>(i) * 100);
      std::memset(runs.back().data(), i, runs.back().size());
    }
    for (int i = 0; i < 20; ++i) {
      const std::string expected(runs[static_cast<size_t>(i)].size(), static_cast<char>(i));
      CHECK(runs[static_cast<size_t>(i)].view() == expected);
    }
  }
}

TEST_CASE("Bytes: freed by another thread, shrunk and resized by realloc") {
  Bytes made(100'000);
  std::thread([moved = std::move(made)]() mutable {
    moved.shrink(5'000);
    const Bytes gone = std::move(moved);
  }).join();
  void* run = allocate_bytes(20'000);
  REQUIRE(run != nullptr);
  run = std::realloc(run, 60'000);
  REQUIRE(run != nullptr);
  std::memset(run, 1, 60'000);
  free_bytes(run);
  free_bytes(nullptr);
}
