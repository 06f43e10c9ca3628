#include "plugins/processors/filter/filter.h"

#include <bit>

namespace tailrace::processors::filter {

/// What the labels of a stream decide, kept with them.
class Filter::Remembered final : public LabelAttachment {
 public:
  explicit Remembered(Candidates candidates) : candidates(candidates) {}
  const Candidates candidates;
};

Result<std::unique_ptr<Processor>> Filter::make(std::shared_ptr<const FilterConfig> config,
                                                ProcessorContext& context) {
  std::vector<Rule> drop;
  std::vector<Rule> keep;
  for (const auto& [from, to] :
       {std::pair(&config->drop, &drop), std::pair(&config->keep, &keep)}) {
    for (const RuleConfig& rule : *from) {
      auto compiled = Rule::compile(rule);
      if (!compiled) {
        return tl::unexpected<Error>(compiled.error());
      }
      to->push_back(std::move(*compiled));
    }
  }
  return std::unique_ptr<Processor>(new Filter(std::move(drop), std::move(keep), context));
}

Filter::Filter(std::vector<Rule> drop, std::vector<Rule> keep, ProcessorContext& context)
    : drop_(std::move(drop)), keep_(std::move(keep)), slot_(context.lane().labels().new_slot()) {
  auto counter = [&](std::string rule) {
    return &context.metrics().counter("filter_dropped_records_total",
                                      "Records that a filter took out, by rule.",
                                      {{"rule", std::move(rule)}});
  };
  for (size_t i = 0; i < drop_.size(); ++i) {
    dropped_by_.push_back(counter("drop[" + std::to_string(i) + "]"));
  }
  not_kept_ = counter("keep");
}

Filter::Candidates Filter::decide(const Labels& labels) const {
  Candidates result;
  for (size_t i = 0; i < drop_.size(); ++i) {
    if (drop_[i].matches_labels(labels)) {
      result.drop |= uint64_t{1} << i;
      if (!drop_[i].looks_at_records() && result.drops_all < 0) {
        result.drops_all = static_cast<int>(i);
      }
    }
  }
  for (size_t i = 0; i < keep_.size(); ++i) {
    if (keep_[i].matches_labels(labels)) {
      result.keep |= uint64_t{1} << i;
      result.keeps_all |= !keep_[i].looks_at_records();
    }
  }
  result.keeps_all |= keep_.empty();
  return result;
}

const Filter::Candidates& Filter::candidates(const Labels& labels) {
  if (labels.attachment(slot_) == nullptr) {
    labels.attach(slot_, std::make_unique<Remembered>(decide(labels)));
  }
  return static_cast<const Remembered*>(labels.attachment(slot_))->candidates;
}

Counter* Filter::verdict(const LogBatch& batch, uint32_t i,
                         const Candidates& among) const noexcept {
  for (uint64_t left = among.drop; left != 0; left &= left - 1) {
    const int rule = std::countr_zero(left);
    if (drop_[rule].matches_record(batch, i)) {
      return dropped_by_[rule];
    }
  }
  if (among.keeps_all) {
    return nullptr;
  }
  for (uint64_t left = among.keep; left != 0; left &= left - 1) {
    if (keep_[std::countr_zero(left)].matches_record(batch, i)) {
      return nullptr;
    }
  }
  return not_kept_;
}

void Filter::drop_all(const LogBatch& batch, Counter& counter, Next& next) const noexcept {
  const Weight weight = batch.weight();
  counter.add(weight.records);
  next.filtered(weight);
}

void Filter::process(Batch& batch, Next& next) noexcept {
  auto* logs = batch_cast<LogBatch>(batch);
  if (logs == nullptr) {  // the graph joins logs only; what is none is not ours to judge
    next.push(batch);
    return;
  }
  const Candidates& among = candidates(*logs->labels);
  if (among.drops_all >= 0) {
    drop_all(*logs, *dropped_by_[among.drops_all], next);
    return;
  }
  if (!among.keeps_all && among.keep == 0 && among.drop == 0) {
    drop_all(*logs, *not_kept_, next);
    return;
  }
  if (among.drop == 0 && among.keeps_all) {
    next.push(batch);
    return;
  }

  uint32_t kept = 0;
  Weight gone;
  for (uint32_t i = 0; i < logs->size; ++i) {
    if (Counter* counter = verdict(*logs, i, among)) {
      const Weight weight = logs->record_weight(i);
      counter->add(weight.records);
      gone += weight;
    } else {
      if (kept != i) {
        logs->move_record(i, kept);
      }
      ++kept;
    }
  }
  logs->size = kept;
  if (gone != Weight{}) {
    next.filtered(gone);
  }
  if (kept > 0) {
    next.push(batch);
  }
}

}  // namespace tailrace::processors::filter

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor processors_filter_plugin =
    define_processor<processors::filter::Filter, processors::filter::FilterConfig>(
        {.name = "filter",
         .summary = "Keeps or drops records by label, severity, text or metadata.",
         .signals = kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        processors::filter::filter_schema);

}  // namespace tailrace
