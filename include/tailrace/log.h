#pragma once

#include <cstdint>
#include <string_view>

namespace tailrace {

/// trace, debug: for developers. info: what a person may want to know once. warn: odd, but
/// nothing is lost. error: data is lost or a person is needed.
enum class LogLevel : uint8_t { trace, debug, info, warn, error };

/// The agent's own log, on stderr. Any thread. Lines are rate-limited per (component, key): the
/// first of an interval is written, the others are counted and reported with the next one.
///
/// `component` is "input.pods" or the like; `key` names the kind of event ("unreadable");
/// `message` says what happened and what to do, in one line, without a final full stop.
void log_line(LogLevel level, std::string_view component, std::string_view key,
              std::string_view message);
bool log_enabled(LogLevel level) noexcept;

/// A component's view of the log.
class Log {
 public:
  explicit Log(std::string_view component) : component_(component) {}
  void debug(std::string_view key, std::string_view message) const {
    log_line(LogLevel::debug, component_, key, message);
  }
  void info(std::string_view key, std::string_view message) const {
    log_line(LogLevel::info, component_, key, message);
  }
  void warn(std::string_view key, std::string_view message) const {
    log_line(LogLevel::warn, component_, key, message);
  }
  void error(std::string_view key, std::string_view message) const {
    log_line(LogLevel::error, component_, key, message);
  }

 private:
  std::string_view component_;  // the engine keeps component names for the life of the agent
};

}  // namespace tailrace
