#include "plugins/processors/labels/labels.h"

#include <utility>
#include <vector>

#include "tailrace/log_batch.h"

namespace tailrace::processors::labels {

/// The outcome of the rules for one label set, kept with it. It holds the text and not a LabelsPtr:
/// sets that keep each other (one processor adds a label, another one takes it away again) would
/// never leave the interner.
class LabelEditor::Edited final : public LabelAttachment {
 public:
  explicit Edited(std::vector<OwnedLabel> labels) : owned_(std::move(labels)) {
    for (const OwnedLabel& label : owned_) {
      pairs.push_back({label.name, label.value});
    }
  }
  std::vector<Label> pairs;

 private:
  const std::vector<OwnedLabel> owned_;
};

Result<std::unique_ptr<Processor>> LabelEditor::make(std::shared_ptr<const LabelsConfig> config,
                                                     ProcessorContext& context) {
  auto rules = LabelRules::compile(*config);
  if (!rules) {
    return tl::unexpected<Error>(rules.error());
  }
  return std::unique_ptr<Processor>(new LabelEditor(std::move(*rules), context.lane().labels()));
}

LabelEditor::LabelEditor(LabelRules rules, LabelInterner& interner)
    : rules_(std::move(rules)), interner_(interner), slot_(interner.new_slot()) {}

const LabelEditor::Edited& LabelEditor::edited(const Labels& labels) {
  if (labels.attachment(slot_) == nullptr) {
    labels.attach(slot_, std::make_unique<Edited>(rules_.apply(labels.pairs())));
  }
  return static_cast<const Edited&>(*labels.attachment(slot_));
}

void LabelEditor::process(Batch& batch, Next& next) noexcept {
  if (auto* logs = batch_cast<LogBatch>(batch)) {
    current_ = interner_.intern(edited(*logs->labels).pairs);
    logs->labels = current_.get();
  }
  next.push(batch);
}

}  // namespace tailrace::processors::labels

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor processors_labels_plugin =
    define_processor<processors::labels::LabelEditor, processors::labels::LabelsConfig>(
        {.name = "labels",
         .summary = "Adds, renames, drops and extracts stream labels.",
         .signals = kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        processors::labels::labels_schema);

}  // namespace tailrace
