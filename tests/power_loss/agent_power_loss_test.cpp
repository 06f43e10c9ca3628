// The whole agent through power losses: real files are tailed into a played Loki while the disk
// under state_dir forgets what was not fsynced, at every kind of write, fsync and rename.

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

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
using testkit::EngineBench;
using testkit::FakeServer;
namespace fs = std::filesystem;

namespace {

constexpr int kSteps = 24;

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
  std::vector<std::string> missing(const std::set<std::string>& written) const {
    std::vector<std::string> missing;
    for (const std::string& line : written) {
      if (lines_.count(line) == 0) {
        missing.push_back(line);
      }
    }
    return missing;
  }
  size_t size() const { return lines_.size(); }
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
  EngineBench bench(config_for(logs), plugin_table(), disk, options);
  if (operations_to_open != nullptr) {
    *operations_to_open = disk.operation_count();
  }
  int step = first;
  bench.server().behaviour = [&](const FakeServer::Seen& seen) -> std::optional<CallResult> {
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
  for (; step < kSteps && !disk.crashed(); ++step) {
    logs.step(step);
    int rounds = 0;
    (void)bench.until([&] { return disk.crashed() || ++rounds > 4; });
  }
  if (!disk.crashed()) {
    (void)bench.until([&] { return disk.crashed() || received.missing(logs.written()).empty(); });
  }
  if (!disk.crashed()) {
    (void)bench.stop();
  }
  bench.kill();
  return step;
}

/// Crashes at operation `number`, finishes the script on what is left, and says what is wrong.
std::string crash_and_recover(uint64_t number, uint64_t seed,
                              const std::function<void(CrashFs&)>& prepare = {}) {
  Logs logs;
  Received received;
  CrashFs disk;
  if (prepare) {
    prepare(disk);
  }
  disk.crash_at(number);
  const int step = live(logs, disk, received, 0);
  if (disk.crashed()) {
    const auto after = disk.survive(seed);
    if (!pipeline::CheckpointStore::open(*after, "/state")) {
      return "the checkpoint file does not verify";
    }
    live(logs, *after, received, step);
  }
  const auto missing = received.missing(logs.written());
  if (!missing.empty()) {
    return fmt::format("{} lines are missing, such as: {}", missing.size(), missing.front());
  }
  if (!received.different().empty()) {
    return fmt::format("{} repeats differ, such as: {}", received.different().size(),
                       received.different().front());
  }
  return {};
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
  REQUIRE(operations > first + 100);
  constexpr uint64_t kPoints = 200;
  uint64_t crashes = 0;
  for (uint64_t i = 0; i < kPoints; ++i) {
    const uint64_t number = first + 1 + i * (operations - first) / kPoints;
    const std::string wrong = crash_and_recover(number, i % 7);
    CHECK_MESSAGE(wrong.empty(), "operation ", number, ", seed ", i % 7, ": ", wrong);
    ++crashes;
  }
  CHECK(crashes >= 200);
  MESSAGE(operations, " operations in a whole run");
}

TEST_CASE("Agent: a build from which the fsync of files was taken out is found out") {
  const auto [first, operations] = operations_of_a_whole_run();
  bool found = false;
  for (uint64_t number = first + (operations - first) / 3; number < operations && !found;
       number += 3) {
    found = !crash_and_recover(number, 0, [](CrashFs& disk) {
               disk.lie_about_syncs(CrashFs::Operation::Kind::sync_file);
             }).empty();
  }
  CHECK(found);
}
