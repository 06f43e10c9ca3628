#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

namespace tailrace::processors::shorter {

struct Config {
  uint32_t least = 1;
};
const Schema& schema() {
  static const Schema schema = Schema::of<Config>(
      {option("least", &Config::least, "Shortest line that is kept.").range("1", "1000")});
  return schema;
}

/// Leaves out short lines.
class Shorter final : public Processor {
 public:
  Shorter(std::shared_ptr<const Config> config, ProcessorContext&) : config_(std::move(config)) {}
  void process(Batch& any, Next& next) noexcept override {
    LogBatch& batch = *batch_cast<LogBatch>(any);
    Weight gone;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch.size; ++i) {
      if (batch.bodies[i].size() < config_->least) {
        gone += batch.record_weight(i);
      } else {
        batch.move_record(i, kept++);
      }
    }
    batch.size = kept;
    next.filtered(gone);
    if (kept != 0) {
      next.push(batch);
    }
  }

 private:
  std::shared_ptr<const Config> config_;
};

}  // namespace tailrace::processors::shorter

namespace tailrace {
constexpr Signal kShorterSignals[] = {Signal::logs};
extern const PluginDescriptor processors_shorter_plugin;
const PluginDescriptor processors_shorter_plugin =
    define_processor<processors::shorter::Shorter, processors::shorter::Config>(
        {.name = "shorter", .summary = "Leaves out short lines.", .signals = kShorterSignals},
        processors::shorter::schema);
}  // namespace tailrace
