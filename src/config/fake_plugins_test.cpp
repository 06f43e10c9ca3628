#include "config/fake_plugins_test.h"

namespace tailrace::config::fakes {
namespace {

constexpr Signal kLogs[] = {Signal::logs};
constexpr Signal kMetrics[] = {Signal::metrics};
constexpr Signal kAll[] = {Signal::logs, Signal::metrics, Signal::traces};

const Schema& files_schema() {
  static const Schema schema = Schema::of<FilesConfig>({
      option("include", &FilesConfig::include, "Which files.").required(),
      option("max_open", &FilesConfig::max_open, "How many.").range("1", "1000"),
  });
  return schema;
}

const Schema& receiver_schema() {
  static const Schema schema = Schema::of<ReceiverConfig>({
      option("listen", &ReceiverConfig::listen, "Where."),
  });
  return schema;
}

const Schema& hub_schema() {
  static const Schema schema = Schema::of<NestedReceiverConfig>({
      object("http", &NestedReceiverConfig::http, "HTTP.", receiver_schema()),
  });
  return schema;
}

const Schema& rule_schema() {
  static const Schema schema = Schema::of<RuleConfig>({
      option("label", &RuleConfig::label, "Of what.").required(),
      option("share", &RuleConfig::share, "How much.").range("0", "1"),
  });
  return schema;
}

const Schema& no_schema() {
  static const Schema schema = Schema::of<NoConfig>({});
  return schema;
}

const Schema& switch_schema() {
  static const Schema schema = Schema::of<SwitchConfig>({
      option("logs_to", &SwitchConfig::logs_to, "Where logs go."),
      option("traces_to", &SwitchConfig::traces_to, "Where traces go."),
  });
  return schema;
}

template <class Config>
constexpr PluginDescriptor fake(ComponentKind kind, std::string_view name,
                                std::span<const Signal> signals, const Schema& (*schema)()) {
  return tailrace::detail::base_descriptor<Config>(
      kind, {.name = name, .summary = "A fake.", .signals = signals}, schema);
}

constexpr PluginDescriptor kPlugins[] = {
    fake<FilesConfig>(ComponentKind::input, "files", kLogs, files_schema),
    fake<ReceiverConfig>(ComponentKind::input, "receiver", kLogs, receiver_schema),
    fake<NestedReceiverConfig>(ComponentKind::input, "hub", kAll, hub_schema),
    fake<NoConfig>(ComponentKind::processor, "parse", kLogs, no_schema),
    fake<NoConfig>(ComponentKind::processor, "relabel", kMetrics, no_schema),
    fake<SinkConfig>(ComponentKind::output, "sink", kLogs, sink_schema),
    fake<NoConfig>(ComponentKind::output, "store", kMetrics, no_schema),
    fake<NoConfig>(ComponentKind::output, "relay", kAll, no_schema),
    fake<SwitchConfig>(ComponentKind::output, "switch", kAll, switch_schema),
};

std::vector<std::string> lines(const std::vector<ConfigIssue>& issues) {
  std::vector<std::string> out;
  for (const auto& issue : issues) {
    out.push_back(to_line("", issue));
  }
  return out;
}

}  // namespace

std::vector<Signal> SwitchConfig::carries() const {
  std::vector<Signal> signals;
  if (!logs_to.empty()) {
    signals.push_back(Signal::logs);
  }
  if (!traces_to.empty()) {
    signals.push_back(Signal::traces);
  }
  return signals;
}

const Schema& sink_schema() {
  static const Schema schema = Schema::of<SinkConfig>({
      option("url", &SinkConfig::url, "Where to send.")
          .required()
          .check<std::string>(&SinkConfig::url,
                              [](const std::string& url) -> std::string {
                                const size_t blank = url.find(' ');
                                return blank == std::string::npos
                                           ? ""
                                           : '"' + url + "\" is no URL, because of \"" +
                                                 url.substr(blank) + '"';
                              }),
      option("timeout", &SinkConfig::timeout, "Longest wait.").range("1ms", "10m"),
      option("token", &SinkConfig::token, "Proves who we are."),
      choice("mode", &SinkConfig::mode, "How.", {{"fast", Mode::fast}, {"safe", Mode::safe}}),
      option("verify", &SinkConfig::verify, "Whether to look at certificates."),
      option("labels", &SinkConfig::labels, "Added to all."),
      option("pause", &SinkConfig::pause, "Between requests."),
      objects("rules", &SinkConfig::rules, "In order.", rule_schema()),
      object_map("routes", &SinkConfig::routes, "By name.", rule_schema()),
  });
  return schema;
}

PluginTable table() {
  static const std::vector<const PluginDescriptor*> pointers = [] {
    std::vector<const PluginDescriptor*> out;
    for (const auto& plugin : kPlugins) {
      out.push_back(&plugin);
    }
    return out;
  }();
  return pointers;
}

std::vector<std::string> errors_of(std::string_view text) {
  ConfigIssues issues;
  const bool loaded = load_text(text, table(), issues).has_value();
  auto out = lines(issues.issues());
  if (loaded != out.empty()) {
    out.emplace_back("load_text() and its issues disagree");
  }
  return out;
}

std::vector<std::string> warnings_of(std::string_view text) {
  ConfigIssues issues;
  (void)load_text(text, table(), issues);
  return lines(issues.warnings());
}

}  // namespace tailrace::config::fakes
