#include "plugins/inputs/self/self.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <unistd.h>

#include "tailrace/block.h"
#include "tailrace/plugin.h"

namespace tailrace::inputs::self {

namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

MetricLabels common_labels(const SelfConfig& config) {
  MetricLabels labels{{"job", config.job},
                      {"instance", config.instance.empty() ? host_name() : config.instance}};
  labels.insert(labels.end(), config.labels.begin(), config.labels.end());
  return labels;
}

}  // namespace

SelfInput::SelfInput(std::shared_ptr<const SelfConfig> config, InputContext& context)
    : config_(std::move(config)),
      context_(context),
      builder_(common_labels(*config_)),
      timer_(context.lane().timer([this] { tick(); })) {}

void SelfInput::tick() {
  if (context_.lane().id() == 0) {
    read_and_push();
  } else {
    context_.update_own_gauges();
  }
  if (context_.once()) {
    context_.finished();
  } else {
    timer_->start(std::chrono::duration_cast<std::chrono::milliseconds>(config_->interval));
  }
}

void SelfInput::read_and_push() {
  builder_.build(context_.own_metrics(), context_.lane().clock().wall_ns() / 1'000'000);
  for (uint32_t first = 0; first < builder_.size();) {
    const uint32_t last = std::min<uint32_t>(builder_.size(), first + kMaxUnitRecords);
    MetricBatch batch = builder_.batch(first, last);
    if (context_.feed().credit(batch.source_bytes)) {
      context_.feed().begin_unit();
      context_.feed().push(batch);
    } else {
      context_.feed().lost(batch.weight(), "no_credit", false);
    }
    first = last;
  }
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
}

}  // namespace tailrace::inputs::self

namespace tailrace {

extern const PluginDescriptor inputs_self_plugin;
const PluginDescriptor inputs_self_plugin =
    define_input<inputs::self::SelfInput, inputs::self::SelfConfig>(
        {.name = "self",
         .summary = "The agent's own metrics, so that it can ship them without being scraped.",
         .signals = inputs::self::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = false},
        inputs::self::self_schema);

}  // namespace tailrace
