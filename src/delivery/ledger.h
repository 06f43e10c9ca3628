#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/metrics.h"

namespace tailrace::delivery {

/// Where a record that was taken is until its fate is known.
enum class Stage : uint8_t { carried, open, queued, in_flight, spooled };
inline constexpr size_t kStages = 5;

/// A level with one writer, readable by any thread.
class Level {
 public:
  void add(int64_t delta) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// Records and bytes with one writer, readable by any thread.
struct Tally {
  Level records;
  Level bytes;
  void add(const Weight& weight) noexcept {
    records.add(static_cast<int64_t>(weight.records));
    bytes.add(static_cast<int64_t>(weight.bytes));
  }
  void subtract(const Weight& weight) noexcept {
    records.add(-static_cast<int64_t>(weight.records));
    bytes.add(-static_cast<int64_t>(weight.bytes));
  }
};

class Ledger;

/// The account of one (input, pipeline, output) on one lane:
///   taken + found = delivered + refused + dropped + filtered + waiting (by stage).
/// Every side is counted where it happens; none is derived from another.
class LedgerCell {
 public:
  LedgerCell(Ledger& ledger, std::string input, std::string pipeline, std::string output)
      : input(std::move(input)),
        pipeline(std::move(pipeline)),
        output(std::move(output)),
        ledger_(ledger) {}

  const std::string input;
  const std::string pipeline;
  const std::string output;

  Tally taken;
  Tally found;
  Tally delivered;
  Tally refused;
  Tally dropped;
  Tally filtered;
  std::array<Tally, kStages> waiting;

  void count(Tally& side, const Weight& weight) noexcept;
  bool balanced() const noexcept;

 private:
  friend class Ledger;
  Ledger& ledger_;
  bool touched_ = false;  // in Ledger::touched_
};

/// Records that wait in one stage of an account. Destroying it without settling takes them off the
/// waiting side only, so the books no longer close: that is how a lost request shows.
class Holding {
 public:
  Holding() = default;
  Holding(LedgerCell& cell, Weight weight, Stage stage) noexcept
      : cell_(&cell), weight_(weight), stage_(stage) {
    cell_->count(cell_->waiting[static_cast<size_t>(stage)], weight);
  }
  Holding(Holding&& other) noexcept
      : cell_(std::exchange(other.cell_, nullptr)), weight_(other.weight_), stage_(other.stage_) {}
  Holding& operator=(Holding&& other) noexcept {
    if (this != &other) {
      leave();
      cell_ = std::exchange(other.cell_, nullptr);
      weight_ = other.weight_;
      stage_ = other.stage_;
    }
    return *this;
  }
  ~Holding() { leave(); }

  LedgerCell* cell() const noexcept { return cell_; }
  const Weight& weight() const noexcept { return weight_; }

  void move_to(Stage stage) noexcept {
    if (cell_ != nullptr && stage != stage_) {
      cell_->waiting[static_cast<size_t>(stage_)].subtract(weight_);
      cell_->count(cell_->waiting[static_cast<size_t>(stage)], weight_);
      stage_ = stage;
    }
  }
  /// Takes over another holding of the same account and stage.
  void merge(Holding&& other) noexcept {
    other.move_to(stage_);
    weight_ += other.weight_;
    other.cell_ = nullptr;
  }
  /// Splits a part off, for a request that is taken apart.
  Holding split(Weight weight) noexcept {
    weight_ -= weight;
    Holding part;
    part.cell_ = cell_;
    part.weight_ = weight;
    part.stage_ = stage_;
    return part;
  }

  // Each books the weight on one side and ends the holding.
  void deliver() noexcept { settle(&LedgerCell::delivered); }
  void refuse() noexcept { settle(&LedgerCell::refused); }
  void drop() noexcept { settle(&LedgerCell::dropped); }

 private:
  void settle(Tally LedgerCell::*side) noexcept;
  void leave() noexcept;

  LedgerCell* cell_ = nullptr;
  Weight weight_;
  Stage stage_ = Stage::open;
};

/// The books of one lane.
class Ledger {
 public:
  Ledger(uint32_t lane, Metrics& metrics);

  /// The account of these names; made when new.
  LedgerCell& cell(const std::string& input, const std::string& pipeline,
                   const std::string& output);
  /// What to call when the first account changes after a check: it arranges for check() to run at
  /// the end of the turn. Null: nobody checks (tear-down).
  void on_change(std::function<void()> call) { on_change_ = std::move(call); }
  /// Checks the accounts that changed since the last call. A difference is counted in
  /// tailrace_ledger_errors_total and logged as an error.
  void check();

  struct Row {
    std::string input, pipeline, output;
    Weight taken, found, delivered, refused, dropped, filtered;
    std::array<Weight, kStages> waiting;
    bool balanced = true;
  };
  /// A picture of all accounts, on the lane.
  std::vector<Row> rows() const;
  /// True when nothing waits in any account.
  bool nothing_waits() const noexcept;

 private:
  friend class LedgerCell;
  uint32_t lane_;
  Counter& errors_;
  std::deque<LedgerCell> cells_;
  std::vector<LedgerCell*> touched_;
  std::function<void()> on_change_;
};

}  // namespace tailrace::delivery
