// PluginHarness: inputs, on the engine.

#include <algorithm>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/crash_fs.h"
#include "testkit/line_plugins.h"
#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

namespace {

using namespace std::chrono_literals;

/// The plugins of a run, the one under test among them, and the config that joins them.
class Scene {
 public:
  Scene(const PluginDescriptor& plugin, const std::string& options, const InputSubject& subject)
      : plugin_(plugin), subject_(subject) {
    table_.push_back(&plugin);
    for (const PluginDescriptor* other : subject.others) {
      table_.push_back(other);
    }
    for (const PluginDescriptor* other : line_plugins()) {
      table_.push_back(other);
    }
    for (size_t at = 0; at < options.size();) {
      const size_t end = std::min(options.find('\n', at), options.size());
      options_ += "    " + options.substr(at, end - at) + "\n";
      at = end + 1;
    }
  }

  config::PluginTable table() const { return table_; }
  /// `more`: options of the output that all outputs have, as the rest of a flow map.
  std::string config(uint32_t lanes = 1, const std::string& more = {}) const {
    std::string output = subject_.output;
    output.insert(output.rfind('}'),
                  ", batch: {linger: 50ms}, retry: {min_backoff: 10ms, max_backoff: 200ms}, "
                  "spool_after: {rereadable: 500ms, live: 200ms}" +
                      more);
    return fmt::format(
        "agent: {{lanes: {}}}\ninputs:\n  in:\n    type: {}\n{}outputs:\n  out: {}\n"
        "pipelines:\n  p: {{{}inputs: [in], outputs: [out]}}\n",
        lanes, plugin_.name, options_, output,
        subject_.signal ? fmt::format("signal: {}, ", to_string(*subject_.signal)) : "");
  }

 private:
  const PluginDescriptor& plugin_;
  const InputSubject& subject_;
  std::vector<const PluginDescriptor*> table_;
  std::string options_;
};

EngineBenchOptions answering(FakeServer::Behaviour behaviour) {
  EngineBenchOptions options;
  options.behaviour = std::move(behaviour);
  return options;
}

/// Calls to the output are answered so; others (pages that an input fetches) as `rest` does.
FakeServer::Behaviour output_answers(const InputSubject& subject,
                                     std::optional<CallResult> answer) {
  return [&subject,
          answer = std::move(answer)](const FakeServer::Seen& seen) -> std::optional<CallResult> {
    if (const auto fetched = subject.fetched(seen)) {
      return fetched;
    }
    return answer;
  };
}

std::set<int> set_of(const std::vector<int>& numbers) {
  return {numbers.begin(), numbers.end()};
}

bool has_range(const std::set<int>& have, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    if (!have.contains(i)) {
      return false;
    }
  }
  return true;
}

delivery::Ledger::Row books(EngineBench& bench) {
  return bench.row("in", "p", "out");
}

bool until(EngineBench& bench, const InputSubject& subject, const std::function<bool()>& reached) {
  return bench.until([&] {
    subject.poke(bench);
    return reached();
  });
}

constexpr int kSome = 60;

void check_arrival(const Scene& scene, const InputSubject& subject, uint32_t lanes) {
  INFO("everything arrives once, lanes: " << lanes);
  CrashFs disk;
  EngineBench bench(scene.config(lanes), scene.table(), disk,
                    answering(output_answers(subject, FakeServer::status(204))));
  int made = 0;
  for (const int more : {1, kSome, 3}) {
    subject.produce(bench, made, more);
    made += more;
    REQUIRE(until(bench, subject,
                  [&] { return has_range(set_of(subject.taken(bench.server())), 0, made); }));
  }
  REQUIRE(bench.settle());
  CHECK(subject.taken(bench.server()).size() == static_cast<size_t>(made));
  const auto row = books(bench);
  CHECK(row.delivered.records == static_cast<uint64_t>(made));
  CHECK(bench.metric("input_records_total", {{"component", "in"}}) == made);
  CHECK(bench.metric("input_bytes_total", {{"component", "in"}}) ==
        static_cast<double>(row.taken.bytes));
  CHECK(bench.metric("input_memory_bytes") == 0);
  CHECK(bench.stop());

  // What was settled is not handed over again.
  EngineBench next(scene.config(lanes), scene.table(), disk,
                   answering(output_answers(subject, FakeServer::status(204))));
  next.advance(3s);
  CHECK(subject.taken(next.server()).empty());
}

/// Ends the agent while the server is away; the next run must bring what is owed.
void check_end(const Scene& scene, const InputSubject& subject, bool killed) {
  INFO((killed ? "nothing is lost by a kill" : "a stop drains"));
  CrashFs disk;
  std::set<int> owed;
  std::set<int> taken;
  {
    EngineBench bench(scene.config(), scene.table(), disk,
                      answering(output_answers(subject, FakeServer::status(204))));
    subject.produce(bench, 0, kSome);
    REQUIRE(until(bench, subject, [&] { return books(bench).taken.records >= kSome / 2; }));
    bench.server().behaviour = output_answers(subject, FakeServer::no_connection());
    subject.produce(bench, kSome, kSome);
    REQUIRE(until(bench, subject, [&] {
      const auto row = books(bench);
      return row.taken.records >= kSome + kSome / 2 &&
             row.waiting[static_cast<size_t>(delivery::Stage::spooled)].records > 0;
    }));
    if (killed) {
      bench.kill();
    } else {
      CHECK(bench.stop(500ms));
      CHECK(bench.metric("ledger_waiting_records", {{"stage", "queued"}}) == 0);
      CHECK(bench.metric("ledger_waiting_records", {{"stage", "in_flight"}}) == 0);
      CHECK(bench.metric("ledger_waiting_records", {{"stage", "open"}}) == 0);
    }
    owed = set_of(subject.acknowledged());
    taken = set_of(subject.taken(bench.server()));
  }
  if (subject.rereadable) {
    for (int i = 0; i < 2 * kSome; ++i) {
      owed.insert(i);
    }
  }
  EngineBench next(scene.config(), scene.table(), disk,
                   answering(output_answers(subject, FakeServer::status(204))));
  REQUIRE(next.until([&] {
    taken.merge(set_of(subject.taken(next.server())));
    return std::ranges::includes(taken, owed);
  }));
  REQUIRE(next.settle());
}

void check_waiting(const Scene& scene, const InputSubject& subject) {
  INFO("without room it waits, and goes on when there is some");
  CrashFs disk;
  EngineBench bench(scene.config(1, ", buffer: {memory: 2MiB, disk: 0}"), scene.table(), disk,
                    answering(output_answers(subject, FakeServer::no_connection())));
  subject.produce(bench, 0, subject.many);
  REQUIRE(until(bench, subject, [&] {
    return bench.metric("input_backpressure_total", {{"component", "in"}}) > 0;
  }));
  for (int i = 0; i < 20; ++i) {
    subject.poke(bench);
    bench.advance(100ms);
  }
  CHECK(books(bench).taken.records < static_cast<uint64_t>(subject.many));
  CHECK(books(bench).dropped.records == 0);
  CHECK(bench.metric("output_buffer_memory_bytes") <= 2 << 20);
  bench.server().behaviour = output_answers(subject, FakeServer::status(204));
  REQUIRE(until(bench, subject, [&] {
    return books(bench).delivered.records >= static_cast<uint64_t>(subject.many);
  }));
  CHECK(has_range(set_of(subject.taken(bench.server())), 0, subject.many));
}

void check_once(const Scene& scene, const InputSubject& subject, uint32_t lanes) {
  INFO("once ends, lanes: " << lanes);
  CrashFs disk;
  EngineBenchOptions options = answering(output_answers(subject, FakeServer::status(204)));
  options.once = true;
  EngineBench bench(scene.config(lanes), scene.table(), disk, options);
  REQUIRE(until(bench, subject, [&] { return bench.finished(); }));
  CHECK(testkit::waiting_of(books(bench)) == Weight{});
  CHECK(bench.stop());
}

}  // namespace

void PluginHarness::check_input(const InputSubject& subject) const {
  REQUIRE((plugin_.kind == ComponentKind::input));
  config();
  const Scene scene(plugin_, options_, subject);
  for (const uint32_t lanes : {1u, 2u}) {
    subject.reset();
    check_arrival(scene, subject, lanes);
  }
  for (const bool killed : {false, true}) {
    subject.reset();
    check_end(scene, subject, killed);
  }
  if (subject.many > 0) {
    subject.reset();
    check_waiting(scene, subject);
  }
  if (subject.once) {
    for (const uint32_t lanes : {1u, 2u}) {
      check_once(scene, subject, lanes);
    }
  }
}

}  // namespace tailrace::testkit
