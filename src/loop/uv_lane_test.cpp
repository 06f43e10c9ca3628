#include "loop/uv_lane.h"

#include <algorithm>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "loop/clock.h"

using namespace tailrace;
using namespace std::chrono_literals;

TEST_CASE("UvLane: calls posted by other threads run in order, on the lane") {
  loop::UvLane lane(0, 1, loop::system_clock());
  std::vector<int> seen;
  std::thread::id where;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      lane.post([&, i] {
        where = std::this_thread::get_id();
        seen.push_back(i);
      });
    }
    lane.post([&] { lane.stop(); });
  });
  lane.run();
  poster.join();
  REQUIRE(seen.size() == 1000);
  CHECK(std::ranges::is_sorted(seen));
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("UvLane: a timer fires once, not when stopped, and may destroy itself") {
  loop::UvLane lane(0, 1, loop::system_clock());
  int fired = 0;
  auto stopped = lane.timer([&] { fired += 100; });
  stopped->start(1ms);
  stopped->stop();
  std::unique_ptr<Timer> own;
  own = lane.timer([&] {
    ++fired;
    own.reset();
  });
  own->start(1ms);
  auto last = lane.timer([&] { lane.stop(); });
  last->start(20ms);
  lane.run();
  CHECK(fired == 1);
}

TEST_CASE("UvLane: a timer of 0 that restarts itself leaves the loop its turns") {
  loop::UvLane lane(0, 1, loop::system_clock());
  int fired = 0;
  std::unique_ptr<Timer> again;
  again = lane.timer([&] {
    if (++fired < 1000) {
      again->start(0ms);
    }
  });
  again->start(0ms);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  auto watch = lane.watch_fd(ends[0], [&](bool, bool) { lane.stop(); });
  watch->set_events(true, false);
  REQUIRE(write(ends[1], "x", 1) == 1);
  lane.run();
  CHECK(fired < 1000);
  watch.reset();
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("UvLane: what is added at the end of a turn runs in the next one, without waiting") {
  loop::UvLane lane(0, 1, loop::system_clock());
  std::string order;
  lane.post([&] {
    lane.at_end_of_turn([&] {
      order += "a";
      lane.at_end_of_turn([&] {
        order += "b";
        lane.stop();
      });
    });
    order += "0";
  });
  lane.run();
  CHECK(order == "0ab");
}

TEST_CASE("UvLane: offloaded work runs elsewhere, its end on the lane") {
  loop::UvLane lane(0, 1, loop::system_clock());
  std::thread::id worked;
  std::thread::id ended;
  lane.offload([&] { worked = std::this_thread::get_id(); },
               [&] {
                 ended = std::this_thread::get_id();
                 lane.stop();
               });
  lane.run();
  CHECK(worked != ended);
  CHECK(ended == std::this_thread::get_id());
}

TEST_CASE("UvLane: a descriptor is watched until its watch is destroyed") {
  loop::UvLane lane(0, 1, loop::system_clock());
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  int events = 0;
  std::unique_ptr<FdWatch> watch = lane.watch_fd(ends[0], [&](bool readable, bool) {
    CHECK(readable);
    ++events;
    watch.reset();
    lane.stop();
  });
  watch->set_events(true, false);
  REQUIRE(write(ends[1], "x", 1) == 1);
  lane.run();
  CHECK(events == 1);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("UvLane: can be destroyed with posts, work and end-of-turn calls outstanding") {
  bool ran = false;
  {
    loop::UvLane lane(0, 1, loop::system_clock());
    lane.post([&] { ran = true; });
    lane.at_end_of_turn([&] { ran = true; });
    lane.offload([] {}, [&] { ran = true; });
  }
  CHECK(!ran);
}
