#include <doctest/doctest.h>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/receipt.h"

#include "base/metrics_registry.h"

using namespace tailrace;

TEST_CASE("LabelInterner: equal sets in any order are one object") {
  LabelInterner interner;
  const Label ab[] = {{"a", "1"}, {"b", "2"}};
  const Label ba[] = {{"b", "2"}, {"a", "1"}};
  const LabelsPtr first = interner.intern(ab);
  const LabelsPtr second = interner.intern(ba);
  CHECK(first.get() == second.get());
  CHECK(first->pairs()[0].name == "a");
  CHECK(interner.size() == 1);
}

TEST_CASE("LabelInterner: the last of a repeated name wins and empty values go") {
  LabelInterner interner;
  const Label pairs[] = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  const LabelsPtr labels = interner.intern(pairs);
  REQUIRE(labels->pairs().size() == 1);
  CHECK(labels->get("a") == "2");
  CHECK(labels->get("b").empty());
}

TEST_CASE("LabelInterner: a set leaves with its last reference, attachments too") {
  struct Probe : LabelAttachment {
    explicit Probe(bool& gone) : gone(gone) {}
    ~Probe() override { gone = true; }
    bool& gone;
  };
  LabelInterner interner;
  bool gone = false;
  {
    const Label pairs[] = {{"a", "1"}};
    const LabelsPtr labels = interner.intern(pairs);
    labels->attach(interner.new_slot(), std::make_unique<Probe>(gone));
    CHECK(labels->attachment(0) != nullptr);
    CHECK(labels->attachment(7) == nullptr);
  }
  CHECK(gone);
  CHECK(interner.size() == 0);
  CHECK(interner.bytes() == 0);
}

TEST_CASE("Arena: memory is reused after reset and stays within what may be kept") {
  Arena arena(1024);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      auto* numbers = arena.array<uint64_t>(100);
      CHECK(reinterpret_cast<uintptr_t>(numbers) % alignof(uint64_t) == 0);
      numbers[99] = 1;
    }
    arena.reset(16 * 1024);
    CHECK(arena.reserved_bytes() <= 16 * 1024);
  }
  CHECK(arena.copy("text") == "text");
}

TEST_CASE("Arena: an allocation larger than a chunk gets its own") {
  Arena arena(64);
  char* large = arena.array<char>(10000);
  large[9999] = 'x';
  CHECK(arena.reserved_bytes() >= 10000);
}

TEST_CASE("Receipt: the last holder releases it with the worst outcome") {
  struct Probe : Receipt {
    Probe() : Receipt(false, true) {}
    void released(Outcome worst) noexcept override {
      ++calls;
      seen = worst;
    }
    int calls = 0;
    Outcome seen = Outcome::settled;
  } probe;
  {
    ReceiptRef one(&probe);
    ReceiptRef two = one;
    one->report(Outcome::dropped, "limit");
    one->report(Outcome::refused, "later and less bad");
    one.reset();
    CHECK(probe.calls == 0);
  }
  CHECK(probe.calls == 1);
  CHECK(probe.seen == Outcome::dropped);
}

TEST_CASE("LogBatch: weight follows the records that are left") {
  Arena arena;
  int64_t times[] = {1, 2, 3};
  std::string_view bodies[] = {"a", "b", "c"};
  uint32_t bytes[] = {10, 20, 30};
  LogBatch batch;
  batch.size = 3;
  batch.timestamps = times;
  batch.bodies = bodies;
  batch.source_bytes = bytes;
  CHECK(batch.weight() == Weight{3, 60});
  auto* copy = static_cast<LogBatch*>(batch.copy_views(arena));
  copy->move_record(2, 0);
  copy->size = 1;
  CHECK(copy->weight() == Weight{1, 30});
  CHECK(batch.weight() == Weight{3, 60});
}

TEST_CASE("MetricsRegistry: lanes are summed, series are sorted, cells are shared") {
  MetricsRegistry registry;
  Metrics& lane0 = registry.scope(0, {{"component", "loki"}});
  Metrics& lane1 = registry.scope(1, {{"component", "loki"}});
  lane0.counter("records_total", "Records.").add(2);
  lane0.counter("records_total", "Records.").add(1);
  lane1.counter("records_total", "Records.").add(4);
  lane1.histogram("seconds", "Time.", {0.1, 1}).observe(0.5);
  const auto families = registry.read();
  REQUIRE(families.size() == 2);
  CHECK(families[0].name == "tailrace_records_total");
  REQUIRE(families[0].samples.size() == 1);
  CHECK(families[0].samples[0].value == 7);
  CHECK(families[1].samples[0].buckets == std::vector<uint64_t>{0, 1, 1});
}

TEST_CASE("is_label_name: letters, digits and underscores, no digit first") {
  for (const char* name : {"a", "_", "Pod_2", "__path__"}) {
    CHECK_MESSAGE(is_label_name(name), name);
  }
  for (const char* name : {"", "2a", "a-b", "a.b", "a b", "\xc3\xa4"}) {
    CHECK_MESSAGE(!is_label_name(name), name);
  }
}
