#include "pipeline/feed.h"

#include <algorithm>

#include "delivery/test_hooks.h"

namespace tailrace::pipeline {

using delivery::LedgerCell;
using WaitingAt = delivery::Stage;

namespace {

/// The end of the way to some outputs: what does not reach them is booked there. `receipt` is that
/// of the batch in work.
void count_filtered(std::span<FanOut> outputs, const Weight& weight) noexcept {
  for (FanOut& out : outputs) {
    out.cell->count(out.cell->filtered, weight);
  }
}
void count_refused(std::span<FanOut> outputs, Receipt* receipt, const Weight& weight,
                   std::string_view reason, std::string_view example) noexcept {
  for (FanOut& out : outputs) {
    out.output->refuse(receipt, *out.cell, weight, reason, example);
    receipt = nullptr;  // told once: at all outputs it is the same records that are missing
  }
}

/// Behind an output's own converter.
class ToOutput final : public Next {
 public:
  ToOutput(FanOut& out, Receipt* receipt) : out_(out), receipt_(receipt) {}
  void push(Batch& batch) noexcept override {
    out_.output->append(batch, *out_.cell, out_.tenants);
  }
  void filtered(Weight weight) noexcept override { count_filtered({&out_, 1}, weight); }
  void refuse(Weight weight, std::string_view reason, std::string_view example) noexcept override {
    count_refused({&out_, 1}, receipt_, weight, reason, example);
  }

 private:
  FanOut& out_;
  Receipt* receipt_;
};

}  // namespace

/// Hands a batch to stage `index`, or behind the last one to the outputs.
class Chain::Step final : public Next {
 public:
  Step(Chain& chain, size_t index, std::span<FanOut> outputs, Receipt* receipt)
      : chain_(chain), index_(index), outputs_(outputs), receipt_(receipt) {}

  void push(Batch& batch) noexcept override {
    if (index_ == chain_.stages_.size()) {
      for (FanOut& out : outputs_) {
        if (out.converter == nullptr) {
          out.output->append(batch, *out.cell, out.tenants);
        } else {
          ToOutput next(out, receipt_);
          out.converter->convert(batch, next);
        }
      }
      return;
    }
    Step next(chain_, index_ + 1, outputs_, receipt_);
    const Stage& stage = chain_.stages_[index_];
    if (stage.processor != nullptr) {
      stage.processor->process(batch, next);
    } else {
      stage.converter->convert(batch, next);
    }
  }
  void filtered(Weight weight) noexcept override { count_filtered(outputs_, weight); }
  void refuse(Weight weight, std::string_view reason, std::string_view example) noexcept override {
    count_refused(outputs_, receipt_, weight, reason, example);
  }

 private:
  Chain& chain_;
  size_t index_;
  std::span<FanOut> outputs_;
  Receipt* receipt_;
};

void Chain::run(Batch& batch, std::span<FanOut> outputs) noexcept {
  Step(*this, 0, outputs, batch.receipt).push(batch);
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
    for (const FanOut& out : branch.outputs) {
      copies += out.output == &output ? out.growth : 0;
    }
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

bool EngineFeed::may_settle() const {
  return std::ranges::all_of(branches_, [](const Branch& branch) {
    return std::ranges::all_of(branch.outputs,
                               [](const FanOut& out) { return out.output->may_settle(); });
  });
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
      cell.waiting[static_cast<size_t>(WaitingAt::carried)].subtract(from_carry);
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
      const bool needs_copy = --takers > 0 && branch.chain->edits_its_batch();
      branch.chain->run(needs_copy ? *batch.copy_views(lane_.arena()) : batch, branch.outputs);
    }
  }
}

void EngineFeed::carry(Weight weight) noexcept {
  count_taken(weight);
  for_each_cell([&](LedgerCell& cell) {
    cell.count(cell.taken, weight);
    cell.count(cell.waiting[static_cast<size_t>(WaitingAt::carried)], weight);
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
      cell.waiting[static_cast<size_t>(WaitingAt::carried)].subtract(weight);
      cell.count(cell.dropped, weight);
    });
  }
}

}  // namespace tailrace::pipeline
