#include "plugins/inputs/tail/lane_deal.h"

#include <vector>

#include <doctest/doctest.h>

namespace tailrace::inputs::tail {
namespace {

std::vector<size_t> shares(LaneDeal& deal, uint64_t from, uint64_t to, uint32_t lanes) {
  std::vector<size_t> shares(lanes);
  for (uint64_t hash = from; hash < to; ++hash) {
    ++shares[deal.owner(hash * 2, lanes)];  // even ones: by hash alone all would be lane 0's
  }
  return shares;
}

TEST_CASE("tail: lanes get equal shares of the files, and keep them") {
  LaneDeal deal;
  CHECK(shares(deal, 0, 10, 2) == std::vector<size_t>{5, 5});
  CHECK(shares(deal, 0, 10, 2) == std::vector<size_t>{5, 5});
  const uint32_t owner = deal.owner(4, 2);
  shares(deal, 10, 1000, 2);
  CHECK(deal.owner(4, 2) == owner);
}

TEST_CASE("tail: files that are gone count no more, and come back to their lane") {
  LaneDeal deal;
  std::vector<uint64_t> first;
  for (uint64_t hash = 0; hash < 20; hash += 2) {
    const uint32_t owner = deal.owner(hash, 2);
    deal.taken(hash);
    if (owner == 0) {
      first.push_back(hash);
    }
  }
  REQUIRE(first.size() == 5);
  for (const uint64_t hash : first) {
    deal.taken(hash);  // a second path of the same container
    deal.gone(hash);
  }
  CHECK(shares(deal, 100, 110, 2) == std::vector<size_t>{5, 5});
  for (const uint64_t hash : first) {
    deal.gone(hash);
  }
  CHECK(shares(deal, 200, 205, 2) == std::vector<size_t>{5, 0});
  for (const uint64_t hash : first) {
    CHECK(deal.owner(hash, 2) == 0);
    deal.taken(hash);
  }
  CHECK(shares(deal, 300, 305, 2) == std::vector<size_t>{0, 5});
}

TEST_CASE("tail: one lane has all files, and a hash is enough for very many") {
  LaneDeal deal;
  CHECK(shares(deal, 0, 10, 1) == std::vector<size_t>{10});
  LaneDeal many;
  shares(many, 0, 64 * 1024, 3);
  CHECK(many.owner(2'000'000, 3) == 2'000'000 % 3);
}

}  // namespace
}  // namespace tailrace::inputs::tail
