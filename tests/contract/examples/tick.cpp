#include "tailrace/block.h"
#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

namespace tailrace::inputs::tick {

struct Config {
  Duration every = std::chrono::seconds(1);
};
const Schema& schema() {
  static const Schema schema = Schema::of<Config>(
      {option("every", &Config::every, "Time between two lines.").range("10ms", "1h")});
  return schema;
}

/// One line, again and again, from one lane. Nothing to read again: no receipt.
class Tick final : public Input {
 public:
  Tick(std::shared_ptr<const Config> config, InputContext& context)
      : config_(std::move(config)),
        context_(context),
        timer_(context.lane().timer([this] { tick(); })) {
    const Label label{"job", "tick"};
    labels_ = context.lane().labels().intern({&label, 1});
  }
  void start() override { tick(); }
  void stop() override { timer_->stop(); }
  void on_credit() override {}  // the next line comes by the clock

 private:
  void tick() {
    if (context_.lane().owns(labels_->hash())) {
      take();
    }
    if (context_.once()) {
      context_.finished();
    } else {
      timer_->start(std::chrono::duration_cast<std::chrono::milliseconds>(config_->every));
    }
  }
  void take() {
    static constexpr std::string_view kLine = "tick";
    if (!context_.feed().credit(kLine.size())) {
      context_.feed().lost({1, kLine.size()}, "no_credit", false);
      return;
    }
    context_.feed().begin_unit();
    Arena& arena = context_.lane().arena();
    char* text = arena.array<char>(kLine.size() + kBlockPadding);
    kLine.copy(text, kLine.size());
    std::string_view body(text, kLine.size());
    int64_t now = context_.lane().clock().wall_ns();
    uint32_t bytes = kLine.size();
    LogBatch batch;
    batch.labels = labels_.get();
    batch.size = 1;
    batch.timestamps = &now;
    batch.bodies = &body;
    batch.source_bytes = &bytes;
    context_.feed().push(batch);
  }

  std::shared_ptr<const Config> config_;
  InputContext& context_;
  std::unique_ptr<Timer> timer_;
  LabelsPtr labels_;
};

}  // namespace tailrace::inputs::tick

namespace tailrace {
constexpr Signal kTickSignals[] = {Signal::logs};
extern const PluginDescriptor inputs_tick_plugin;
const PluginDescriptor inputs_tick_plugin = define_input<inputs::tick::Tick, inputs::tick::Config>(
    {.name = "tick", .summary = "A line again and again.", .signals = kTickSignals},
    inputs::tick::schema);
}  // namespace tailrace
