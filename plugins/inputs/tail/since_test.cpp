#include "plugins/inputs/tail/since.h"

#include <doctest/doctest.h>

using namespace tailrace::inputs::tail;

TEST_CASE("since: each pattern begins when it is first used, and keeps its time") {
  const Since first({"/a/*.log", "/b/{x,y}.log"}, "", 1000);
  CHECK(first.changed());
  CHECK(first.of("/a/app.log") == 1000);

  const Since same({"/a/*.log", "/b/{x,y}.log"}, first.encode(), 2000);
  CHECK_FALSE(same.changed());
  CHECK(same.of("/b/y.log") == 1000);

  const Since more({"/a/*.log", "/b/{x,y}.log", "/**/*.log"}, first.encode(), 3000);
  CHECK(more.changed());
  CHECK(more.of("/a/app.log") == 1000);  // the earliest of those that name it
  CHECK(more.of("/c/app.log") == 3000);
  CHECK(more.of("/c/rotated.1") == 1000);  // none names it: better too early than too late

  const Since fewer({"/**/*.log"}, more.encode(), 4000);
  CHECK(fewer.changed());
  CHECK(fewer.of("/a/app.log") == 3000);
}

TEST_CASE("since: a time to come says that the clock was wrong, and nothing else") {
  const Since wrong({"/a/*.log"}, "5000 /a/*.log\n", 1000);
  CHECK(wrong.of("/a/app.log") == 0);
  CHECK(wrong.changed());
}

TEST_CASE("since: what is no line of the table is passed over") {
  for (const char* stored : {"1", "\n\n", "x /a/*.log\n", "99999999999999999999999 /a/*.log\n"}) {
    const Since since({"/a/*.log"}, stored, 1000);
    CHECK(since.of("/a/app.log") == 1000);
  }
  CHECK(Since({"/a b/*.log"}, "7 /a b/*.log", 1000).of("/a b/app.log") == 7);
}
