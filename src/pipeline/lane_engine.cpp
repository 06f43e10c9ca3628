#include "pipeline/lane_engine.h"

#include <algorithm>

#include "tailrace/check.h"

namespace tailrace::pipeline {

namespace {

constexpr std::chrono::milliseconds kStopPoll{10};

MetricLabels component_labels(ComponentKind kind, const std::string& name,
                              const PluginDescriptor& plugin) {
  return {
      {"component", name}, {"component_kind", to_string(kind)}, {"type", std::string(plugin.name)}};
}

}  // namespace

/// An input with everything that the engine gives to it.
class LaneEngine::InputHost final : public InputContext, private Checkpoints {
 public:
  InputHost(LaneEngine& engine, const config::ComponentConfig& component)
      : engine_(engine),
        component_(component),
        metrics_(engine.shared_.registry.scope(
            engine.lane_.id(),
            component_labels(ComponentKind::input, component.name, *component.plugin))),
        log_name_("input." + component.name),
        log_(log_name_),
        feed_(engine.lane_, metrics_) {
    for (const auto& [key, value] : engine.shared_.checkpoints->at_start()) {
      if (key.first == component.name) {
        at_start_.emplace_back(key.second, value);
      }
    }
  }

  Status make() {
    auto made = component_.plugin->make_input(component_.config, *this);
    if (!made) {
      return fail(made.error().code, log_name_ + ": " + made.error().message);
    }
    input_ = std::move(*made);
    return {};
  }
  Input& input() noexcept { return *input_; }
  EngineFeed& engine_feed() noexcept { return feed_; }
  bool done() const noexcept { return finished_; }

  const std::string& name() const noexcept override { return component_.name; }
  Lane& lane() noexcept override { return engine_.lane_; }
  Feed& feed() noexcept override { return feed_; }
  Checkpoints& checkpoints() noexcept override { return *this; }
  MemoryAccount& memory() noexcept override { return *engine_.shared_.input_memory; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  bool once() const noexcept override { return engine_.shared_.options.once; }
  void finished() override {
    if (!std::exchange(finished_, true)) {
      engine_.input_finished();
    }
  }
  std::vector<OwnMetric> own_metrics() override {
    engine_.update_gauges();
    return engine_.shared_.registry.read();
  }
  void update_own_gauges() override { engine_.update_gauges(); }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig& config) override {
    return engine_.shared_.net.http_channel(engine_.lane_, config, metrics_);
  }
  Result<std::unique_ptr<HttpServer>> http_server(const HttpServerConfig& config,
                                                  HttpHandler& handler) override {
    EngineShared& shared = engine_.shared_;
    HttpServerConfig wanted = config;
    const auto key = std::make_pair(component_.name, config.listen);
    if (auto known = shared.ports.find(key); known != shared.ports.end()) {
      wanted.listen =
          wanted.listen.substr(0, wanted.listen.rfind(':') + 1) + std::to_string(known->second);
    }
    auto server = shared.net.http_server(engine_.lane_, wanted, handler, shared.lane_count > 1);
    if (server) {
      shared.ports[key] = (*server)->port();
    }
    return server;
  }
  Result<std::unique_ptr<HttpServer>> grpc_server(const GrpcServerConfig& config,
                                                  HttpHandler& handler) override {
    return engine_.shared_.net.grpc_server(engine_.lane_, component_.name, config, memory(),
                                           handler);
  }

 private:
  const std::vector<std::pair<std::string, std::string>>& at_start() const override {
    return at_start_;
  }
  void put(std::string key, std::string value) override {
    engine_.shared_.checkpoints->update(component_.name, std::move(key), std::move(value));
  }
  void erase(std::string key) override {
    engine_.shared_.checkpoints->update(component_.name, std::move(key), std::nullopt);
  }
  void put_durable(std::string key, std::string value, std::function<void()> done) override {
    engine_.shared_.checkpoints->update_durable(component_.name, std::move(key), std::move(value),
                                                engine_.lane_, std::move(done));
  }

  LaneEngine& engine_;
  const config::ComponentConfig& component_;
  Metrics& metrics_;
  std::string log_name_;
  Log log_;
  EngineFeed feed_;
  std::vector<std::pair<std::string, std::string>> at_start_;
  bool finished_ = false;
  std::unique_ptr<Input> input_;
};

/// An output, its encoder and its queue.
struct LaneEngine::OutputHost final : OutputContext {
  OutputHost(LaneEngine& engine, const config::ComponentConfig& component)
      : engine(engine),
        component(component),
        metrics_(engine.shared_.registry.scope(
            engine.lane_.id(),
            component_labels(ComponentKind::output, component.name, *component.plugin))),
        log_name("output." + component.name),
        log_(log_name) {}

  Status make() {
    auto made = component.plugin->make_output(component.config, *this);
    if (!made) {
      return fail(made.error().code, log_name + ": " + made.error().message);
    }
    output = std::move(*made);
    lane_output = std::make_unique<delivery::OutputLane>(engine.lane_, *output,
                                                         *engine.shared_.outputs.at(component.name),
                                                         engine.ledger_, metrics_);
    return {};
  }

  const std::string& name() const noexcept override { return component.name; }
  Lane& lane() noexcept override { return engine.lane_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  size_t batch_bytes() const noexcept override { return component.output.batch_bytes.bytes; }
  uint64_t shards() const noexcept override { return component.output.shards; }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig& config) override {
    return engine.shared_.net.http_channel(engine.lane_, config, metrics_);
  }
  Result<std::unique_ptr<Channel>> grpc_channel(const HttpClientConfig& config,
                                                const GrpcClientConfig& grpc) override {
    return engine.shared_.net.grpc_channel(engine.lane_, config, grpc, metrics_);
  }

  LaneEngine& engine;
  const config::ComponentConfig& component;
  Metrics& metrics_;
  std::string log_name;
  Log log_;
  std::unique_ptr<Output> output;
  std::unique_ptr<delivery::OutputLane> lane_output;
};

/// A processor of one pipeline or a converter of one edge.
class LaneEngine::StageHost final : public ProcessorContext {
 public:
  /// `name` is what the config calls it, or whom it works for.
  StageHost(LaneEngine& engine, const PluginDescriptor& plugin, const std::string& name)
      : engine_(engine),
        name_(name),
        metrics_(engine.shared_.registry.scope(engine.lane_.id(),
                                               component_labels(plugin.kind, name, plugin))),
        log_name_(std::string(to_string(plugin.kind)) + "." +
                  (plugin.kind == ComponentKind::converter ? std::string(plugin.name) + "." : "") +
                  name),
        log_(log_name_) {}

  const std::string& name() const noexcept override { return name_; }
  Lane& lane() noexcept override { return engine_.lane_; }
  MemoryAccount& memory() noexcept override { return *engine_.shared_.input_memory; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  const std::string& log_name() const noexcept { return log_name_; }

  std::unique_ptr<Processor> processor;
  std::unique_ptr<Converter> converter;

 private:
  LaneEngine& engine_;
  const std::string name_;
  Metrics& metrics_;
  const std::string log_name_;
  Log log_;
};

/// How batches of one form go through one pipeline.
struct LaneEngine::Route {
  /// The end of it: an output, its converter, and what all converters on the way may make of a
  /// byte.
  struct End {
    Converter* converter;
    size_t growth;
  };
  std::unique_ptr<Chain> chain;
  std::vector<End> ends;  // one for each output of the pipeline
};

LaneEngine::LaneEngine(Lane& lane, EngineShared& shared)
    : lane_(lane), shared_(shared), ledger_(lane.id(), shared.registry.scope(lane.id(), {})) {
  ledger_.on_change([this] { lane_.at_end_of_turn([this] { ledger_.check(); }); });
  stop_timer_ = lane.timer([this] { watch_stop(); });
  finish_timer_ = lane.timer([this] { watch_finish(); });
}

LaneEngine::~LaneEngine() {
  // What still waits (in memory only, can be read again) leaves without being settled.
  ledger_.on_change(nullptr);
  for (auto& [name, host] : outputs_) {
    host->lane_output.reset();  // hands its receipts back to the inputs, as abandoned
  }
  inputs_.clear();
}

Status LaneEngine::build() {
  if (Status made = build_outputs(); !made) {
    return made;
  }
  if (Status made = build_pipelines(); !made) {
    return made;
  }
  return build_inputs();
}

Status LaneEngine::build_outputs() {
  for (const config::ComponentConfig& component : shared_.config.outputs) {
    auto host = std::make_unique<OutputHost>(*this, component);
    if (Status made = host->make(); !made) {
      return made;
    }
    shared_.outputs.at(component.name)->memory.on_room(lane_, [this] { wake_starved(); });
    outputs_.emplace(component.name, std::move(host));
  }
  return {};
}

Status LaneEngine::build_pipelines() {
  for (const config::PipelineConfig& pipeline : shared_.config.pipelines) {
    std::vector<Processor*> processors;
    for (const std::string& name : pipeline.processors) {
      const auto component =
          std::ranges::find(shared_.config.processors, name, &config::ComponentConfig::name);
      TR_CHECK(component != shared_.config.processors.end());
      auto host = std::make_unique<StageHost>(*this, *component->plugin, name);
      auto made = component->plugin->make_processor(component->config, *host);
      if (!made) {
        return fail(made.error().code, host->log_name() + ": " + made.error().message);
      }
      host->processor = std::move(*made);
      processors.push_back(host->processor.get());
      stages_.push_back(std::move(host));
    }
    for (const config::RouteConfig& route : pipeline.routes) {
      if (Status built = build_route(pipeline, route, processors); !built) {
        return built;
      }
    }
  }
  return {};
}

Status LaneEngine::build_route(const config::PipelineConfig& pipeline,
                               const config::RouteConfig& plan,
                               const std::vector<Processor*>& processors) {
  auto route = std::make_unique<Route>();
  std::vector<Stage> stages;
  size_t growth = 1;
  for (size_t i = 0; i < processors.size(); ++i) {
    if (const config::ConversionConfig& conversion = plan.to_processors.at(i);
        conversion.plugin != nullptr) {
      auto converter = make_converter(conversion, pipeline.name);
      if (!converter) {
        return tl::unexpected<Error>(converter.error());
      }
      stages.push_back({.processor = nullptr, .converter = *converter});
      growth *= conversion.plugin->growth;
    }
    stages.push_back({.processor = processors[i], .converter = nullptr});
  }
  for (size_t i = 0; i < pipeline.outputs.size(); ++i) {
    Route::End& end = route->ends.emplace_back(Route::End{nullptr, growth});
    if (const config::ConversionConfig& conversion = plan.to_outputs.at(i);
        conversion.plugin != nullptr) {
      auto converter = make_converter(conversion, pipeline.outputs[i]);
      if (!converter) {
        return tl::unexpected<Error>(converter.error());
      }
      end.converter = *converter;
      end.growth *= conversion.plugin->growth;
    }
  }
  route->chain = std::make_unique<Chain>(std::move(stages));
  routes_.emplace(&plan, std::move(route));
  return {};
}

Result<Converter*> LaneEngine::make_converter(const config::ConversionConfig& conversion,
                                              const std::string& owner) {
  auto host = std::make_unique<StageHost>(*this, *conversion.plugin, owner);
  auto made = conversion.plugin->make_converter(conversion.config, *host);
  if (!made) {
    return fail(made.error().code, host->log_name() + ": " + made.error().message);
  }
  host->converter = std::move(*made);
  stages_.push_back(std::move(host));
  return stages_.back()->converter.get();
}

Status LaneEngine::build_inputs() {
  for (const config::ComponentConfig& component : shared_.config.inputs) {
    auto host = std::make_unique<InputHost>(*this, component);
    bool used = false;
    for (const config::PipelineConfig& pipeline : shared_.config.pipelines) {
      if (std::ranges::find(pipeline.inputs, component.name) == pipeline.inputs.end()) {
        continue;
      }
      const auto plan =
          std::ranges::find(pipeline.routes, config::form_given(*component.plugin, pipeline.signal),
                            &config::RouteConfig::form);
      TR_CHECK(plan != pipeline.routes.end());
      const Route& route = *routes_.at(&*plan);
      std::vector<FanOut> outputs;
      for (size_t i = 0; i < pipeline.outputs.size(); ++i) {
        const std::string& name = pipeline.outputs[i];
        outputs.push_back({outputs_.at(name)->lane_output.get(),
                           &ledger_.cell(component.name, pipeline.name, name),
                           route.ends[i].converter,
                           route.ends[i].growth,
                           {}});
      }
      host->engine_feed().add_pipeline(pipeline.signal, *route.chain, std::move(outputs));
      used = true;
    }
    if (!used) {
      continue;  // `check` has warned of it
    }
    if (Status made = host->make(); !made) {
      return made;
    }
    inputs_.push_back(std::move(host));
  }
  inputs_unfinished_ = inputs_.size();
  return {};
}

void LaneEngine::adopt(const std::string& output, std::vector<delivery::RecoveredRecord> records) {
  outputs_.at(output)->lane_output->adopt(std::move(records));
}

Status LaneEngine::open() {
  for (auto& host : inputs_) {
    if (Status opened = host->input().open(); !opened) {
      return fail(opened.error().code, "input." + host->name() + ": " + opened.error().message);
    }
  }
  return {};
}

void LaneEngine::start() {
  for (auto& [name, host] : outputs_) {
    host->lane_output->start();
  }
  for (auto& host : inputs_) {
    host->input().start();
  }
}

void LaneEngine::wake_starved() {
  for (auto& host : inputs_) {
    if (host->engine_feed().take_starved()) {
      host->input().on_credit();
    }
  }
}

void LaneEngine::input_finished() {
  TR_CHECK(inputs_unfinished_ > 0);
  if (--inputs_unfinished_ == 0) {
    finish_timer_->start(std::chrono::milliseconds(0));
  }
}

void LaneEngine::watch_finish() {
  bool empty = true;
  for (auto& [name, host] : outputs_) {
    host->lane_output->seal_all();
    empty = empty && host->lane_output->empty();
  }
  if (empty && ledger_.nothing_waits() && on_finished_ != nullptr) {
    const auto done = std::exchange(on_finished_, nullptr);
    done();
    return;
  }
  if (on_finished_ != nullptr) {
    finish_timer_->start(kStopPoll);
  }
}

void LaneEngine::begin_stop(std::chrono::milliseconds grace, std::function<void()> done) {
  on_stopped_ = std::move(done);
  on_finished_ = nullptr;
  for (auto& host : inputs_) {
    host->input().stop();
  }
  for (auto& [name, host] : outputs_) {
    host->lane_output->seal_all();
  }
  stop_deadline_ns_ = lane_.clock().monotonic_ns() + Duration(grace).count();
  watch_stop();
}

void LaneEngine::watch_stop() {
  const bool late = lane_.clock().monotonic_ns() >= stop_deadline_ns_;
  const bool sent = std::ranges::all_of(
      outputs_, [](const auto& entry) { return entry.second->lane_output->pointless_to_wait(); });
  if (!late && !sent) {
    stop_timer_->start(kStopPoll);
    return;
  }
  outputs_stopping_ = outputs_.size();
  for (auto& [name, host] : outputs_) {
    host->lane_output->spool_rest([this] {
      if (--outputs_stopping_ == 0 && on_stopped_ != nullptr) {
        std::exchange(on_stopped_, nullptr)();
      }
    });
  }
}

void LaneEngine::update_gauges() {
  for (auto& host : inputs_) {
    host->input().update_gauges();
  }
  for (auto& [name, host] : outputs_) {
    host->lane_output->update_gauges();
  }
}

LaneSnapshot LaneEngine::snapshot(SnapshotDetail detail) {
  update_gauges();
  LaneSnapshot picture;
  picture.ledger = ledger_.rows();
  for (auto& host : inputs_) {
    for (SourceStatus& source : host->input().sources()) {
      picture.sources.emplace_back(host->name(), std::move(source));
    }
    if (detail == SnapshotDetail::targets) {
      for (TargetStatus& target : host->input().targets()) {
        picture.targets.emplace_back(host->name(), std::move(target));
      }
    }
  }
  for (auto& [name, host] : outputs_) {
    if (std::string complaint = host->lane_output->complaint(); !complaint.empty()) {
      picture.complaints.emplace_back(name, std::move(complaint));
    }
  }
  return picture;
}

}  // namespace tailrace::pipeline
