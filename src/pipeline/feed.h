#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tailrace/converter.h"
#include "tailrace/input.h"
#include "tailrace/processor.h"

#include "delivery/output_lane.h"

namespace tailrace::pipeline {

/// One output that an input's records of one pipeline go to, with their account.
struct FanOut {
  delivery::OutputLane* output = nullptr;
  delivery::LedgerCell* cell = nullptr;
  Converter* converter = nullptr;  ///< Where the output takes another form than the pipeline gives.
  size_t growth = 1;               ///< What conversions on the way may make of a byte.
  std::vector<delivery::Tenant*> tenants;  ///< Written for by the unit in work.
};

/// A station of a pipeline: one of the two is set.
struct Stage {
  Processor* processor = nullptr;
  Converter* converter = nullptr;
};

/// What batches of one form pass in one pipeline on one lane, in order: the pipeline's processors,
/// and the converters that this form needs between them. Pipelines whose inputs give several forms
/// have several of them, with the same processors.
class Chain {
 public:
  explicit Chain(std::vector<Stage> stages) : stages_(std::move(stages)) {}
  /// True when the first that comes along edits the batch that it is given.
  bool edits_its_batch() const noexcept {
    return !stages_.empty() && stages_.front().processor != nullptr;
  }
  /// Runs the batch through all of them and on to the outputs.
  void run(Batch& batch, std::span<FanOut> outputs) noexcept;

 private:
  class Step;
  std::vector<Stage> stages_;
};

/// The door of one input on one lane to all pipelines that it feeds.
class EngineFeed final : public Feed {
 public:
  EngineFeed(Lane& lane, Metrics& metrics);

  void add_pipeline(Signal signal, Chain& chain, std::vector<FanOut> outputs);
  /// True when credit was refused since the last call.
  bool take_starved() noexcept { return std::exchange(starved_, false); }

  bool credit(size_t bytes) override;
  bool credit_to_read_on(size_t bytes) override;
  bool may_settle() const override;
  void begin_unit() override;
  void push(Batch& batch) noexcept override;
  void carry(Weight weight) noexcept override;
  void filtered(Weight weight, bool carried) noexcept override;
  void lost(Weight weight, std::string_view reason, bool carried) noexcept override;

 private:
  struct Branch {
    Signal signal;
    Chain* chain;
    std::vector<FanOut> outputs;
  };
  /// How many times its size a unit may be written to this output: once for each pipeline that ends
  /// in it, and more where it is converted.
  size_t copies_to(const delivery::OutputLane& output) const noexcept;
  /// Books records as taken from the source, or out of what was carried.
  void book(Branch& branch, const Weight& weight, const Weight& from_carry) noexcept;
  void count_taken(const Weight& weight) noexcept {
    records_.add(weight.records);
    bytes_.add(weight.bytes);
  }
  template <class Call>
  void for_each_cell(Call call) noexcept {
    for (Branch& branch : branches_) {
      for (FanOut& out : branch.outputs) {
        call(*out.cell);
      }
    }
  }

  Lane& lane_;
  Metrics& metrics_;
  std::vector<Branch> branches_;
  bool starved_ = false;
  Counter& records_;
  Counter& bytes_;
  Counter& starvations_;
};

}  // namespace tailrace::pipeline
