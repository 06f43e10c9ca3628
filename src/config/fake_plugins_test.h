#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/plugin.h"

#include "config/agent_config.h"

namespace doctest {
/// So that a failed comparison of lists of errors shows them.
template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& lines) {
    String out;
    for (const auto& line : lines) {
      out += ("\n  " + line).c_str();
    }
    return out;
  }
};
}  // namespace doctest

/// Plugin descriptors that can be configured but not made, for the tests of this room.
namespace tailrace::config::fakes {

struct FilesConfig {
  StringList include;
  uint32_t max_open = 100;
};

struct ReceiverConfig {
  std::string listen = "127.0.0.1:3100";
  std::vector<ListenAddress> listens() const { return {{"listen", listen}}; }
};

struct NestedReceiverConfig {
  ReceiverConfig http;
  std::vector<ListenAddress> listens() const { return {{"http.listen", http.listen}}; }
};

enum class Mode : uint8_t { fast, safe };

struct RuleConfig {
  std::string label;
  double share = 1.0;
};

struct SinkConfig {
  std::string url;
  Duration timeout = std::chrono::seconds(10);
  Secret token;
  Mode mode = Mode::fast;
  bool verify = true;
  StringMap labels;
  std::optional<Duration> pause;
  std::vector<RuleConfig> rules;
  std::vector<std::pair<std::string, RuleConfig>> routes;

  void validate(const ConfigValue& at, ConfigContext& context) const {
    if (mode == Mode::safe && !verify) {
      context.fail(at, "mode: safe needs verify: true");
    }
  }
};

struct NoConfig {};

/// An output of all signals that takes only those for which it is told where they go.
struct SwitchConfig {
  std::string logs_to;
  std::string traces_to;
  std::vector<Signal> carries() const;
};

/// files (logs), receiver (logs), hub (all signals, listens on http.listen); parse (logs),
/// relabel (metrics); sink (logs), store (metrics), relay (all), switch (as it is told).
PluginTable table();

const Schema& sink_schema();

/// The errors of a configuration text, each as one line without a file's name; "" path included.
std::vector<std::string> errors_of(std::string_view text);
std::vector<std::string> warnings_of(std::string_view text);

}  // namespace tailrace::config::fakes
