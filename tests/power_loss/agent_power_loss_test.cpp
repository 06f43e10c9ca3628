// The whole agent through power losses: real files are tailed into a played Loki while the disk
// under state_dir forgets what was not fsynced, at every kind of write, fsync and rename.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/plugin_table.h"
#include "codec/snappy.h"
#include "pipeline/checkpoint_store.h"
#include "plugins/common/loki/push_reader.h"
#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::CrashFs;
using Kind = testkit::CrashFs::Operation::Kind;
using testkit::EngineBench;
using testkit::FakeServer;
namespace fs = std::filesystem;

namespace {

constexpr int kSteps = 30;
// Turns of 10 ms after the script. Everything is sent within a tenth of that; what has not come by
// then never comes.
constexpr int kTurnsAtTheEnd = 300;

/// Pod logs as kubelet lays them out, written by a script that is the same in every run.
class Logs {
 public:
  Logs() {
    char name[] = "/tmp/tailrace-power-XXXXXX";
    root_ = mkdtemp(name);
    for (const char* pod : {"shop_web-1_uid1/web", "shop_db-0_uid2/db"}) {
      fs::create_directories(root_ / "pods" / pod);
      current_.push_back(root_ / "pods" / pod / "0.log");
    }
  }
  ~Logs() { fs::remove_all(root_); }

  std::string glob() const { return (root_ / "pods/*/*/*.log").string(); }

  void step(int step) {
    for (size_t f = 0; f < current_.size(); ++f) {
      if (step % 7 == 3 + static_cast<int>(f)) {
        fs::rename(current_[f], fmt::format("{}.20260102-{:06}", current_[f].string(), step));
      }
      std::ofstream file(current_[f], std::ios::app | std::ios::binary);
      for (int line = 0; line < 6; ++line) {
        const std::string text = fmt::format("file {} step {} line {} {}", f, step, line,
                                             std::string(static_cast<size_t>(line) * 9, '.'));
        // Pairs of lines have one timestamp; every third line comes in two pieces, the second of
        // them sometimes one step later.
        const std::string time = fmt::format("2026-01-02T03:{:02}:{:02}.5Z", step, line / 2);
        const char* stream = line % 4 == 1 ? "stderr" : "stdout";
        file << late_[f];
        late_[f].clear();
        if (line % 3 == 2) {
          file << fmt::format("{} {} P {}\n", time, stream, text.substr(0, 10));
          const std::string rest = fmt::format("{} {} F {}\n", time, stream, text.substr(10));
          const bool rotated_next = (step + 1) % 7 == 3 + static_cast<int>(f);
          if (line == 5 && step + 1 < kSteps && !rotated_next) {
            late_[f] = rest;
          } else {
            file << rest;
          }
        } else {
          file << fmt::format("{} {} F {}\n", time, stream, text);
        }
        written_.insert(text);
      }
    }
  }
  const std::set<std::string>& written() const { return written_; }

 private:
  fs::path root_;
  std::vector<fs::path> current_;
  std::map<size_t, std::string> late_;
  std::set<std::string> written_;
};

/// What Loki has stored: each line with everything that came with it.
class Received {
 public:
  void take(const std::string& body) {
    auto plain = codec::snappy_uncompress(body, 64 << 20);
    REQUIRE(plain.has_value());
    loki::PushReader reader;
    REQUIRE(reader.check(loki::PushFormat::protobuf, plain->view()).has_value());
    reader.read(loki::PushFormat::protobuf, plain->view(), [this](loki::PushChunk& chunk) {
      std::string labels;
      for (const Label& label : chunk.labels) {
        labels += fmt::format("{}={},", label.name, label.value);
      }
      for (size_t i = 0; i < chunk.lines.size(); ++i) {
        std::string all = fmt::format("{} {}", labels, chunk.timestamps[i]);
        const MetaSpan meta = chunk.any_metadata ? chunk.metadata[i] : MetaSpan{};
        for (uint32_t m = 0; m < meta.count; ++m) {
          all += fmt::format(" {}={}", meta.pairs[m].name, meta.pairs[m].value);
        }
        const auto [at, is_new] = lines_.try_emplace(std::string(chunk.lines[i]), all);
        if (!is_new && at->second != all) {
          different_.push_back(fmt::format("{}: {} / {}", at->first, at->second, all));
        }
      }
    });
  }
  bool has_all(const std::set<std::string>& written) const {
    return lines_.size() == written.size() && missing(written).empty();
  }
  std::vector<std::string> missing(const std::set<std::string>& written) const {
    std::vector<std::string> missing;
    for (const std::string& line : written) {
      if (lines_.count(line) == 0) {
        missing.push_back(line);
      }
    }
    return missing;
  }
  const std::vector<std::string>& different() const { return different_; }

 private:
  std::map<std::string, std::string> lines_;
  std::vector<std::string> different_;
};

std::string config_for(const Logs& logs) {
  return fmt::format(R"(
agent: {{state_dir: /state, memory_limit: 64MiB}}
inputs:
  pods: {{type: tail, include: ["{}"], format: cri, rotate_wait: 50ms, partial_timeout: 10s}}
outputs:
  loki:
    type: loki
    url: http://loki/loki/api/v1/push
    batch: {{bytes: 1KiB, linger: 20ms}}
    spool_after: {{rereadable: 100ms, live: 100ms}}
    buffer: {{disk: 1MiB}}
    retry: {{min_backoff: 50ms, max_backoff: 200ms}}
pipelines:
  logs: {{inputs: [pods], outputs: [loki]}}
)",
                     logs.glob());
}

/// One life of the agent on this disk, from `first` step to the end of the script or the crash.
/// Returns the step at which the power failed.
int live(Logs& logs, CrashFs& disk, Received& received, int first,
         uint64_t* operations_to_open = nullptr) {
  testkit::EngineBenchOptions options;
  options.checkpoint_interval = 2ms;
  options.spool_segment_bytes = 8 * 1024;
  int step = first;
  // From the first moment on: what was left is read and sent as soon as the agent is there.
  options.behaviour = [&](const FakeServer::Seen& seen) -> std::optional<CallResult> {
    if (disk.crashed()) {
      return std::nullopt;
    }
    // An outage in the middle of the script.
    if (step > 5 && step < 15) {
      return FakeServer::status(503);
    }
    received.take(seen.body);
    return FakeServer::status(204);
  };
  EngineBench bench(config_for(logs), plugin_table(), disk, options);
  if (operations_to_open != nullptr) {
    *operations_to_open = disk.operation_count();
  }
  for (; step < kSteps && !disk.crashed(); ++step) {
    logs.step(step);
    int rounds = 0;
    (void)bench.until([&] { return disk.crashed() || ++rounds > 4; });
  }
  int rounds = 0;
  (void)bench.until([&] {
    return disk.crashed() || received.has_all(logs.written()) || ++rounds > kTurnsAtTheEnd;
  });
  if (!disk.crashed()) {
    (void)bench.stop();
  }
  bench.kill();
  return step;
}

/// A power loss, and what came of it.
struct Loss {
  /// The operation that it struck; nothing when the run had fewer of them (they are done by
  /// threads, so their number varies a little).
  std::optional<CrashFs::Operation> at;
  std::string wrong;
};

using Prepare = std::function<void(CrashFs&)>;
Prepare crash_at(uint64_t number) {
  return [number](CrashFs& disk) { disk.crash_at(number); };
}

/// Plays the script on a disk that `prepare` lets fail, finishes it on what is left, and says what
/// is wrong. `again`: the operation of the second life at which power fails once more; 0 = none.
Loss crash_and_recover(uint64_t seed, const Prepare& prepare, uint64_t again = 0) {
  Logs logs;
  Received received;
  auto disk = std::make_unique<CrashFs>();
  prepare(*disk);
  int step = live(logs, *disk, received, 0);
  Loss loss;
  if (disk->crashed()) {
    loss.at = disk->operations().back();
  }
  while (disk->crashed()) {
    disk = disk->survive(seed);
    if (!pipeline::CheckpointStore::open(*disk, "/state")) {
      loss.wrong = "the checkpoint file does not verify";
      return loss;
    }
    disk->crash_at(std::exchange(again, 0));
    step = live(logs, *disk, received, step);
  }
  const auto missing = received.missing(logs.written());
  if (!missing.empty()) {
    loss.wrong = fmt::format("{} lines are missing, such as: {}", missing.size(), missing.front());
  } else if (!received.different().empty()) {
    loss.wrong = fmt::format("{} repeats differ, such as: {}", received.different().size(),
                             received.different().front());
  }
  return loss;
}

/// The numbers of the operations of a whole run: after the start, and all.
std::pair<uint64_t, uint64_t> operations_of_a_whole_run() {
  uint64_t first = 0;
  Logs logs;
  Received received;
  CrashFs disk;
  live(logs, disk, received, 0, &first);
  REQUIRE(received.missing(logs.written()).empty());
  CHECK(received.different().empty());
  return {first, disk.operation_count()};
}

}  // namespace

TEST_CASE("Agent: nothing is lost and nothing changes, wherever a power loss strikes") {
  const auto [first, operations] = operations_of_a_whole_run();
  int crashes = 0;
  for (uint64_t number = first + 1; number <= operations; ++number) {
    const uint64_t seed = number % 7;
    // Every third time it fails again while the agent recovers.
    const uint64_t again = number % 3 == 0 ? 3 + number % 20 : 0;
    const Loss loss = crash_and_recover(seed, crash_at(number), again);
    CHECK_MESSAGE(loss.wrong.empty(), "operation ", number, ", seed ", seed, ", again ", again,
                  ": ", loss.wrong);
    crashes += loss.at ? 1 : 0;
  }
  CHECK(crashes >= 200);
}

namespace {

/// The operations that keep state: where they are, and of what kind.
struct Place {
  const char* path;  // its beginning
  Kind kind;
  bool often = false;

  bool is(const CrashFs::Operation& operation) const {
    const bool here = operation.path.starts_with(path);
    // The folder of the checkpoint file is the parent of the spool's.
    return kind == operation.kind && here &&
           (kind != Kind::sync_folder || operation.path.find("spool") == operation.path.npos ||
            std::string_view(path).find("spool") != std::string_view::npos);
  }
};
constexpr Place kPlaces[] = {
    {"/state/checkpoints", Kind::create, true},    {"/state/checkpoints", Kind::write, true},
    {"/state/checkpoints", Kind::sync_file, true}, {"/state/checkpoints", Kind::rename, true},
    {"/state", Kind::sync_folder, true},           {"/state/spool/", Kind::create},
    {"/state/spool/", Kind::write, true},          {"/state/spool/", Kind::sync_file},
    {"/state/spool/", Kind::sync_folder},          {"/state/spool/", Kind::remove},
};

}  // namespace

TEST_CASE("Agent: a power loss at each kind of operation on checkpoint and spool") {
  for (const Place& place : kPlaces) {
    CAPTURE(place.path);
    CAPTURE(static_cast<int>(place.kind));
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const int nth = place.often ? 1 + 2 * static_cast<int>(seed) : 1;
      std::atomic<int> seen = 0;
      const Loss loss = crash_and_recover(seed, [&](CrashFs& disk) {
        disk.on_operation([&](const CrashFs::Operation& now) {
          if (place.is(now) && ++seen == nth) {
            disk.crash_at(now.number);
          }
        });
      });
      CHECK(loss.at);
      CHECK_MESSAGE(loss.wrong.empty(), "seed ", seed, ": ", loss.wrong);
    }
  }
}

TEST_CASE("Agent: a build from which an fsync was taken out is found out") {
  const auto [first, operations] = operations_of_a_whole_run();
  for (const Place& lie :
       {Place{"/state/checkpoints", Kind::sync_file}, Place{"/state/spool/", Kind::sync_file},
        Place{"/state/spool/", Kind::sync_folder}}) {
    CAPTURE(lie.path);
    CAPTURE(static_cast<int>(lie.kind));
    bool found = false;
    // Of what was not synced nothing may be left, or names without bytes, or bytes without names.
    uint64_t seed = 0;
    for (uint64_t number = first + (operations - first) / 3; number < operations && !found;
         number += 3) {
      const Loss loss = crash_and_recover(seed, [&](CrashFs& disk) {
        disk.lie_about_syncs(lie.kind, lie.path);
        disk.crash_at(number);
      });
      found = !loss.wrong.empty();
      seed = seed == 0 ? 2 : seed == 2 ? 3 : 0;
    }
    CHECK(found);
  }
}
