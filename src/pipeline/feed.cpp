#include "pipeline/feed.h"

#include <algorithm>

#include "delivery/test_hooks.h"

namespace tailrace::pipeline {

using delivery::LedgerCell;
using delivery::Stage;

/// Hands a batch to processor `index`, or behind the last one to the outputs.
class Chain::Step final : public Next {
 public:
  Step(Chain& chain, size_t index, std::span<FanOut> outputs)
      : chain_(chain), index_(index), outputs_(outputs) {}

  void push(Batch& batch) noexcept override {
    if (index_ == chain_.processors_.size()) {
      for (FanOut& out : outputs_) {
        out.output->append(batch, *out.cell, out.tenants);
      }
      return;
    }
    Step next(chain_, index_ + 1, outputs_);
    chain_.processors_[index_]->process(batch, next);
  }
  void filtered(Weight weight) noexcept override {
    for (FanOut& out : outputs_) {
      out.cell->count(out.cell->filtered, weight);
    }
  }

 private:
  Chain& chain_;
  size_t index_;
  std::span<FanOut> outputs_;
};

void Chain::run(Batch& batch, std::span<FanOut> outputs) noexcept {
  Step(*this, 0, outputs).push(batch);
}

EngineFeed::EngineFeed(Lane& lane, Metrics& metrics)
    : lane_(lane),
      metrics_(metrics),
      records_(metrics.counter("input_records_total", "Source records taken in.")),
      bytes_(metrics.counter("input_bytes_total", "Source bytes taken in.")),
      starvations_(metrics.counter("input_backpressure_total",
                                   "Times that the input had to wait because an output had no "
                                   "room.")) {}

void EngineFeed::add_pipeline(Signal signal, Chain& chain, std::vector<FanOut> outputs) {
  branches_.push_back({signal, &chain, std::move(outputs)});
}

size_t EngineFeed::copies_to(const delivery::OutputLane& output) const noexcept {
  size_t copies = 0;
  for (const Branch& branch : branches_) {
    copies += static_cast<size_t>(std::ranges::count(branch.outputs, &output, &FanOut::output));
  }
  return copies;
}

bool EngineFeed::credit(size_t bytes) {
  bool room = true;
  for (Branch& branch : branches_) {
    for (FanOut& out : branch.outputs) {
      room = out.output->has_room(bytes * copies_to(*out.output), out.tenants) && room;
    }
  }
  if (!room && !starved_) {
    starved_ = true;
    starvations_.increment();
  }
  return room;
}

bool EngineFeed::credit_to_read_on(size_t bytes) {
  bool enough = false;
  for (Branch& branch : branches_) {
    for (FanOut& out : branch.outputs) {
      enough = out.output->has_enough_to_send() || enough;
    }
  }
  if (enough) {
    starved_ = true;  // not counted: nothing is in the way but the pace of the network
    return false;
  }
  return credit(bytes);
}

void EngineFeed::begin_unit() {
  lane_.arena().reset();
  for (Branch& branch : branches_) {
    for (FanOut& out : branch.outputs) {
      out.tenants.clear();
    }
  }
}

void EngineFeed::book(Branch& branch, const Weight& weight, const Weight& from_carry) noexcept {
  for (FanOut& out : branch.outputs) {
    LedgerCell& cell = *out.cell;
    if (from_carry != Weight{}) {
      cell.waiting[static_cast<size_t>(Stage::carried)].subtract(from_carry);
    }
    cell.count(cell.taken, weight - from_carry);
  }
}

void EngineFeed::push(Batch& batch) noexcept {
  const Signal signal = batch.signal();
  const Weight weight = batch.weight();
  const Weight from_carry = batch.from_carry;
  size_t takers = 0;
  // All books first: processors edit the batch.
  for (Branch& branch : branches_) {
    if (branch.signal == signal) {
      book(branch, weight, from_carry);
      ++takers;
    }
  }
  if (takers == 0) {
    lost(weight, "no_pipeline", false);
    if (batch.receipt != nullptr) {
      batch.receipt->report(Outcome::refused, "no pipeline takes this signal");
    }
    return;
  }
  count_taken(weight - from_carry);
  if (delivery::test_discards(delivery::TestPoint::after_framing)) {
    return;
  }
  for (Branch& branch : branches_) {
    if (branch.signal == signal) {
      // Processors edit the views, so every pipeline but the last works on a copy of them.
      const bool needs_copy = --takers > 0 && !branch.chain->empty();
      branch.chain->run(needs_copy ? *batch.copy_views(lane_.arena()) : batch, branch.outputs);
    }
  }
}

void EngineFeed::carry(Weight weight) noexcept {
  count_taken(weight);
  for_each_cell([&](LedgerCell& cell) {
    cell.count(cell.taken, weight);
    cell.count(cell.waiting[static_cast<size_t>(Stage::carried)], weight);
  });
}

void EngineFeed::filtered(Weight weight, bool carried) noexcept {
  const Weight from_carry = carried ? weight : Weight{};
  count_taken(weight - from_carry);
  for (Branch& branch : branches_) {
    book(branch, weight, from_carry);
    for (FanOut& out : branch.outputs) {
      out.cell->count(out.cell->filtered, weight);
    }
  }
}

void EngineFeed::lost(Weight weight, std::string_view reason, bool carried) noexcept {
  metrics_
      .counter("input_lost_records_total",
               "Records that were gone before they could be read, or dropped because of a limit, "
               "by reason; an unknown number counts as one.",
               {{"reason", std::string(reason)}})
      .add(weight.records);
  if (carried) {
    for_each_cell([&](LedgerCell& cell) {
      cell.waiting[static_cast<size_t>(Stage::carried)].subtract(weight);
      cell.count(cell.dropped, weight);
    });
  }
}

}  // namespace tailrace::pipeline
