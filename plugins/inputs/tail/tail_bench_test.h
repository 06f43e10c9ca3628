#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "tailrace/input.h"
#include "tailrace/log_batch.h"

#include "plugins/inputs/tail/tail.h"
#include "testkit/manual_lane.h"
#include "testkit/processor_bench.h"

/// For tests only: the input on real files, with time, deliveries and checkpoints in the test's
/// hands.
namespace tailrace::inputs::tail::testing {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "tailrace-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = fs::canonical(name);
  }
  ~TempDir() { fs::remove_all(path_); }
  fs::path operator/(std::string_view name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void append(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.flush();
  REQUIRE(file.good());
}

/// A record as a server would see it.
struct Seen {
  std::map<std::string, std::string> labels;
  int64_t time = 0;
  std::string text;
  std::map<std::string, std::string> metadata;
  friend auto operator<=>(const Seen&, const Seen&) = default;
};

/// What survives the process: the checkpoint file and the server.
struct World {
  std::map<std::string, std::string> durable;
  std::vector<Seen> received;

  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const Seen& record : received) {
      out.push_back(record.text);
    }
    return out;
  }
};

/// One run of the input.
class Run final : public InputContext, private Feed, private Checkpoints, private MemoryAccount {
 public:
  Run(World& world, TailConfig config, bool once = false, uint32_t lane = 0, uint32_t lanes = 1)
      : world_(world), once_(once), lane_(lane, lanes), rows_(world.durable) {
    at_start_.assign(world.durable.begin(), world.durable.end());
    input_ =
        std::make_unique<TailInput>(std::make_shared<const TailConfig>(std::move(config)), *this);
    REQUIRE(input_->open());
    input_->start();
  }
  ~Run() override {
    for (Unit& unit : units_) {
      unit.receipt->report(Outcome::abandoned, "");
    }
    units_.clear();
    input_.reset();
  }

  Input& input() { return *input_; }
  testkit::ManualLane& manual_lane() { return lane_; }
  void pass(milliseconds time = milliseconds(200)) { lane_.advance(time); }
  double metric(const std::string& name) {
    input_->update_gauges();
    for (const auto& family : registry_.read()) {
      if (family.name == "tailrace_" + name || family.name == name) {
        return family.samples.empty() ? 0 : family.samples.front().value;
      }
    }
    FAIL("no metric " << name);
    return 0;
  }

  // Deliveries: by default all that was pushed is settled at once.
  bool settle_at_once = true;
  bool has_credit = true;
  size_t memory_left = SIZE_MAX / 2;
  /// Settles the i-th of the units that wait.
  void settle(size_t i = 0) {
    Unit unit = std::move(units_[i]);
    units_.erase(units_.begin() + static_cast<ptrdiff_t>(i));
    world_.received.insert(world_.received.end(), unit.records.begin(), unit.records.end());
  }
  void settle_all() {
    while (!units_.empty()) {
      settle();
    }
  }
  /// The server got it, but its answer is lost.
  void receive_without_answer(size_t i) {
    world_.received.insert(world_.received.end(), units_[i].records.begin(),
                           units_[i].records.end());
  }
  size_t waiting() const { return units_.size(); }
  bool rereadable(size_t i) const { return units_[i].receipt->rereadable(); }

  // Checkpoints
  bool keep_history = false;
  void write_checkpoints() {
    lane_.turn();
    world_.durable = rows_;
  }
  bool disk_works = true;  // else put_durable waits
  void repair_disk() {
    disk_works = true;
    world_.durable = rows_;
    for (auto& done : std::exchange(undone_, {})) {
      lane_.post(std::move(done));
    }
  }
  const std::map<std::string, std::string>& rows() const { return rows_; }
  /// The world as it was after each change of a row: each of these may be what a crash leaves.
  const std::vector<World>& history() const { return history_; }

  bool is_finished() const { return finished_; }
  Weight taken() const { return taken_; }
  Weight carried() const { return carried_; }
  Weight pushed() const { return pushed_; }
  const std::map<std::string, Weight>& losses() const { return lost_; }
  const Weight& filtered_weight() const { return filtered_; }
  size_t units() const { return unit_count_; }

 private:
  struct Unit {
    ReceiptRef receipt;
    std::vector<Seen> records;
  };
  const std::string& name() const noexcept override { return name_; }
  Lane& lane() noexcept override { return lane_; }
  Feed& feed() noexcept override { return *this; }
  Checkpoints& checkpoints() noexcept override { return *this; }
  MemoryAccount& memory() noexcept override { return *this; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  bool once() const noexcept override { return once_; }
  void finished() override {
    CHECK_FALSE(finished_);
    finished_ = true;
  }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig&) override {
    return fail(ErrorCode::unsupported, "none here");
  }
  Result<std::unique_ptr<HttpServer>> http_server(const HttpServerConfig&, HttpHandler&) override {
    return fail(ErrorCode::unsupported, "none here");
  }

  // Feed
  bool credit(size_t bytes) override {
    CHECK(bytes > 0);
    return has_credit;
  }
  void begin_unit() override {
    lane_.arena().reset();
    ++unit_count_;
  }
  void push(Batch& any) noexcept override {
    LogBatch& batch = *batch_cast<LogBatch>(any);
    Unit unit{ReceiptRef(batch.receipt), {}};
    for (uint32_t i = 0; i < batch.size; ++i) {
      Seen record;
      for (const Label& label : batch.labels->pairs()) {
        record.labels.emplace(label.name, label.value);
      }
      record.time = batch.timestamps[i];
      record.text = batch.bodies[i];
      for (uint32_t k = 0; batch.metadata != nullptr && k < batch.metadata[i].count; ++k) {
        record.metadata.emplace(batch.metadata[i].pairs[k].name, batch.metadata[i].pairs[k].value);
      }
      unit.records.push_back(std::move(record));
    }
    pushed_ += batch.weight();
    taken_ += batch.weight() - batch.from_carry;
    carried_ -= batch.from_carry;
    units_.push_back(std::move(unit));
    if (settle_at_once) {
      settle(units_.size() - 1);
    }
  }
  void carry(Weight weight) noexcept override {
    taken_ += weight;
    carried_ += weight;
  }
  void filtered(Weight weight, bool carried) noexcept override {
    filtered_ += weight;
    if (carried) {
      carried_ -= weight;
    } else {
      taken_ += weight;
    }
  }
  void lost(Weight weight, std::string_view reason, bool carried) noexcept override {
    lost_[std::string(reason)] += weight;
    if (carried) {
      carried_ -= weight;
    }
  }

  // Checkpoints
  const std::vector<std::pair<std::string, std::string>>& at_start() const override {
    return at_start_;
  }
  void put(std::string key, std::string value) override {
    rows_.insert_or_assign(std::move(key), std::move(value));
    if (keep_history) {
      history_.push_back({rows_, world_.received});
    }
  }
  void erase(std::string key) override {
    rows_.erase(key);
    if (keep_history) {
      history_.push_back({rows_, world_.received});
    }
  }
  void put_durable(std::string key, std::string value, std::function<void()> done) override {
    put(std::move(key), std::move(value));
    if (disk_works) {
      world_.durable = rows_;
      lane_.post(std::move(done));
    } else {
      undone_.push_back(std::move(done));
    }
  }

  // MemoryAccount
  bool reserve(size_t bytes) noexcept override {
    if (bytes > memory_left) {
      return false;
    }
    memory_left -= bytes;
    return true;
  }
  void release(size_t bytes) noexcept override { memory_left += bytes; }

  World& world_;
  bool once_;
  std::string name_ = "files";
  testkit::ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {});
  Log log_{"input.files"};
  std::map<std::string, std::string> rows_;
  std::vector<World> history_;
  std::vector<std::pair<std::string, std::string>> at_start_;
  std::vector<std::function<void()>> undone_;
  std::vector<Unit> units_;
  bool finished_ = false;
  size_t unit_count_ = 0;
  Weight taken_;
  Weight carried_;
  Weight pushed_;
  Weight filtered_;
  std::map<std::string, Weight> lost_;
  std::unique_ptr<Input> input_;
};

/// `2026-01-02T03:04:05.<ns>Z stdout F text`
inline std::string cri(std::string_view text, int64_t ns, std::string_view stream = "stdout",
                       std::string_view tag = "F") {
  std::string fraction = std::to_string(1'000'000'000 + ns).substr(1);
  std::string line = "2026-01-02T03:04:05." + fraction + "Z ";
  line.append(stream).append(" ").append(tag).append(" ").append(text).append("\n");
  return line;
}
inline constexpr int64_t kT0 = 1'767'323'045'000'000'000;

inline TailConfig reading(const fs::path& include, Format format = Format::unknown) {
  TailConfig config;
  config.include = {include.string()};
  config.format = format;
  return config;
}

/// As logrotate does it: NAME.gz is complete when it appears.
inline void gzip(const fs::path& path) {
  const std::string name = path.string();
  REQUIRE(std::system(("gzip -c " + name + " > " + name + ".tmp && mv " + name + ".tmp " + name +
                       ".gz && rm " + name)
                          .c_str()) == 0);
}

}  // namespace tailrace::inputs::tail::testing
