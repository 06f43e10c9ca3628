#include "plugins/inputs/tail/chain_plan.h"

#include <string>

#include <doctest/doctest.h>

using namespace tailrace::inputs::tail;
using Kind = PlanStep::Kind;

namespace {

const std::string kHeadA(1024, 'a');
const std::string kHeadB(1024, 'b');
const std::string kHeadC(1024, 'c');

PlanFile file(ino_t inode, const std::string& head, bool rotated = true, bool gzip = false) {
  PlanFile out;
  out.inode = inode;
  out.size = 5000;
  out.mtime_ns = 100;
  out.rotated = rotated;
  out.gzip = gzip;
  out.head = head;
  return out;
}

CheckpointRow row(uint64_t inode, const std::string& head, uint64_t offset) {
  CheckpointRow out;
  out.format = Format::raw;
  out.inode = inode;
  out.fingerprint = Fingerprint::of(head);
  out.point.offset = offset;
  out.size = offset;
  return out;
}

std::vector<Kind> kinds(const std::vector<PlanStep>& steps) {
  std::vector<Kind> out;
  for (const PlanStep& step : steps) {
    out.push_back(step.kind);
  }
  return out;
}

}  // namespace

TEST_CASE("chain plan: a first start reads everything from the beginning") {
  const std::vector<PlanFile> files = {file(1, kHeadA), file(2, kHeadB), file(3, kHeadC, false)};
  CHECK(kinds(plan_chain(files, {}, {})) == std::vector{Kind::begin, Kind::begin, Kind::begin});
  CHECK(kinds(plan_chain(files, {}, {.read_rotated = false})) ==
        std::vector{Kind::skip, Kind::skip, Kind::begin});
  CHECK(kinds(plan_chain(files, {}, {.start_at_end = true})) ==
        std::vector{Kind::skip, Kind::skip, Kind::end});
}

TEST_CASE("chain plan: what is older than a file with a row is done, what is newer is new") {
  const CheckpointRow b = row(2, kHeadB, 100);
  const std::vector<PlanFile> files = {file(1, kHeadA), file(2, kHeadB), file(3, kHeadC, false)};
  const auto steps = plan_chain(files, {&b}, {});
  CHECK(kinds(steps) == std::vector{Kind::skip, Kind::resume, Kind::begin});
}

TEST_CASE("chain plan: a gzipped or copied file is found by its content") {
  const CheckpointRow a = row(1, kHeadA, 100);
  CHECK(kinds(plan_chain({file(7, kHeadA, true, true), file(3, kHeadC, false)}, {&a}, {})) ==
        std::vector{Kind::resume, Kind::begin});
  CHECK(kinds(plan_chain({file(7, kHeadA), file(1, kHeadC, false)}, {&a}, {})) ==
        std::vector{Kind::resume, Kind::begin});
  // Few bytes may be equal by chance.
  const std::string short_head(20, 'x');
  const CheckpointRow little = row(1, short_head, 20);
  CHECK(kinds(plan_chain({file(7, short_head), file(3, kHeadC, false)}, {&little}, {})) ==
        std::vector{Kind::begin, Kind::begin});
  // What compresses a file gives its time to the result.
  CheckpointRow same_time = little;
  same_time.mtime_ns = 100;
  CHECK(kinds(plan_chain({file(7, short_head, true, true), file(3, kHeadC, false)}, {&same_time},
                         {})) == std::vector{Kind::resume, Kind::begin});
}

TEST_CASE("chain plan: an inode that was used again, or a shorter file, is not the same") {
  const CheckpointRow a = row(1, kHeadA, 100);
  CHECK(kinds(plan_chain({file(1, kHeadB, false)}, {&a}, {})) == std::vector{Kind::begin});
  const CheckpointRow far = row(1, kHeadA, 9000);
  CHECK(kinds(plan_chain({file(1, kHeadA, false)}, {&far}, {})) == std::vector{Kind::begin});
}

TEST_CASE("chain plan: when nothing of what was begun is left, age tells what is done") {
  CheckpointRow a = row(9, kHeadA, 100);
  a.mtime_ns = 150;
  PlanFile old_one = file(1, kHeadB);
  PlanFile new_one = file(2, kHeadC);
  new_one.mtime_ns = 200;
  CHECK(kinds(plan_chain({old_one, new_one}, {&a}, {})) == std::vector{Kind::skip, Kind::begin});
  CHECK(kinds(plan_chain({old_one, new_one}, {}, {.known_mtime_ns = 150})) ==
        std::vector{Kind::skip, Kind::begin});
}

TEST_CASE("chain plan: what was put aside before the path was ours is left alone") {
  constexpr int64_t kHour = 3'600'000'000'000;
  PlanFile old_one = file(1, kHeadA);
  PlanFile new_one = file(2, kHeadB);
  old_one.mtime_ns = 10 * kHour;
  new_one.mtime_ns = 12 * kHour;
  PlanFile current = file(3, kHeadC, false);
  current.mtime_ns = 10 * kHour;
  const PlanPolicy policy{.since_ns = 11 * kHour};
  CHECK(kinds(plan_chain({old_one, new_one, current}, {}, policy)) ==
        std::vector{Kind::skip, Kind::begin, Kind::begin});
  // Names that a pattern finds are read whatever their age.
  PlanFile wanted = old_one;
  wanted.wanted = true;
  CHECK(kinds(plan_chain({wanted, current}, {}, policy)) == std::vector{Kind::begin, Kind::begin});
  // What is newer than a file that we have begun is ours, whatever its time says.
  const CheckpointRow a = row(1, kHeadA, 100);
  PlanFile copied = new_one;
  copied.mtime_ns = 1;
  CHECK(kinds(plan_chain({old_one, copied, current}, {&a}, policy)) ==
        std::vector{Kind::resume, Kind::begin, Kind::begin});
}

TEST_CASE("chain plan: open files go on, files that a pattern names are never taken for done") {
  PlanFile open = file(2, kHeadB);
  open.open = true;
  PlanFile wanted = file(1, kHeadA);
  wanted.wanted = true;
  CHECK(kinds(plan_chain({wanted, file(5, kHeadA), open, file(3, kHeadC, false)}, {}, {})) ==
        std::vector{Kind::begin, Kind::skip, Kind::keep, Kind::begin});
  PlanFile closed = file(4, "", false);
  closed.usable = false;
  CHECK(kinds(plan_chain({closed}, {}, {})) == std::vector{Kind::skip});
}
