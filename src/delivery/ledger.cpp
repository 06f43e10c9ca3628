#include "delivery/ledger.h"

#include <fmt/format.h>

#include "tailrace/log.h"

namespace tailrace::delivery {

namespace {

Weight read(const Tally& tally) noexcept {
  return {static_cast<uint64_t>(tally.records.value()), static_cast<uint64_t>(tally.bytes.value())};
}

Weight sum_of_waiting(const LedgerCell& cell) noexcept {
  Weight sum;
  for (const Tally& tally : cell.waiting) {
    sum += read(tally);
  }
  return sum;
}

}  // namespace

void LedgerCell::count(Tally& side, const Weight& weight) noexcept {
  side.add(weight);
  if (!touched_) {
    touched_ = true;
    ledger_.touched_.push_back(this);
    if (ledger_.touched_.size() == 1 && ledger_.on_change_ != nullptr) {
      ledger_.on_change_();
    }
  }
}

bool LedgerCell::balanced() const noexcept {
  return read(taken) + read(found) ==
         read(delivered) + read(refused) + read(dropped) + read(filtered) + sum_of_waiting(*this);
}

void Holding::settle(Tally LedgerCell::*side) noexcept {
  if (cell_ != nullptr) {
    cell_->waiting[static_cast<size_t>(stage_)].subtract(weight_);
    cell_->count(cell_->*side, weight_);
    cell_ = nullptr;
  }
}

void Holding::leave() noexcept {
  if (cell_ != nullptr) {
    Tally& tally = cell_->waiting[static_cast<size_t>(stage_)];
    tally.subtract(weight_);
    cell_->count(tally, Weight{});
    cell_ = nullptr;
  }
}

Ledger::Ledger(uint32_t lane, Metrics& metrics)
    : lane_(lane),
      errors_(metrics.counter("ledger_errors_total",
                              "Times that the books of an input and output did not close: records "
                              "were lost or counted twice.")) {}

LedgerCell& Ledger::cell(const std::string& input, const std::string& pipeline,
                         const std::string& output) {
  for (LedgerCell& cell : cells_) {
    if (cell.input == input && cell.pipeline == pipeline && cell.output == output) {
      return cell;
    }
  }
  return cells_.emplace_back(*this, input, pipeline, output);
}

void Ledger::check() {
  for (LedgerCell* cell : touched_) {
    cell->touched_ = false;
    if (!cell->balanced()) {
      errors_.increment();
      const Weight in = read(cell->taken) + read(cell->found);
      const Weight out = read(cell->delivered) + read(cell->refused) + read(cell->dropped) +
                         read(cell->filtered) + sum_of_waiting(*cell);
      log_line(LogLevel::error, "ledger", cell->output,
               fmt::format("lane {}: input {}, pipeline {}, output {} does not close: {} records "
                           "({} bytes) came in, {} ({}) are accounted for; this is a bug, please "
                           "report it with the log",
                           lane_, cell->input, cell->pipeline, cell->output, in.records, in.bytes,
                           out.records, out.bytes));
    }
  }
  touched_.clear();
}

std::vector<Ledger::Row> Ledger::rows() const {
  std::vector<Row> rows;
  for (const LedgerCell& cell : cells_) {
    Row& row = rows.emplace_back();
    row.input = cell.input;
    row.pipeline = cell.pipeline;
    row.output = cell.output;
    row.taken = read(cell.taken);
    row.found = read(cell.found);
    row.delivered = read(cell.delivered);
    row.refused = read(cell.refused);
    row.dropped = read(cell.dropped);
    row.filtered = read(cell.filtered);
    for (size_t i = 0; i < kStages; ++i) {
      row.waiting[i] = read(cell.waiting[i]);
    }
    row.balanced = cell.balanced();
  }
  return rows;
}

bool Ledger::nothing_waits() const noexcept {
  for (const LedgerCell& cell : cells_) {
    if (sum_of_waiting(cell) != Weight{}) {
      return false;
    }
  }
  return true;
}

}  // namespace tailrace::delivery
