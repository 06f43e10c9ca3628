#include "tailrace/otlp_batch.h"

#include <doctest/doctest.h>

#include "tailrace/log_batch.h"

namespace tailrace {

TEST_CASE("OtlpBatch: is known by its signal, and is no other batch") {
  for (const Signal signal : {Signal::logs, Signal::metrics, Signal::traces}) {
    OtlpBatch batch(signal);
    CHECK(batch.signal() == signal);
    CHECK(otlp_cast(static_cast<Batch&>(batch)) == &batch);
  }
  LogBatch logs;
  CHECK(otlp_cast(static_cast<Batch&>(logs)) == nullptr);
}

TEST_CASE("OtlpBatch: a copy of the views is edited on its own") {
  std::string_view resources[] = {"a", "bb"};
  uint32_t records[] = {3, 4};
  uint32_t bytes[] = {10, 20};
  OtlpBatch batch(Signal::traces);
  batch.size = 2;
  batch.resources = resources;
  batch.records = records;
  batch.source_bytes = bytes;
  Arena arena;
  OtlpBatch& copy = *otlp_cast(*batch.copy_views(arena));
  CHECK(copy.weight() == Weight{7, 30});
  copy.move_resource(1, 0);
  copy.size = 1;
  CHECK(copy.resources[0] == "bb");
  CHECK(copy.weight() == Weight{4, 20});
  CHECK(batch.weight() == Weight{7, 30});
  CHECK(batch.resources[0] == "a");
}

}  // namespace tailrace
