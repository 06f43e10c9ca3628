#include "base/log.h"

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace tailrace {

namespace {

using std::chrono::steady_clock;

/// Lines of one (component, key) within an interval: the first few are written, the rest counted.
constexpr auto kInterval = std::chrono::seconds(10);
constexpr uint32_t kLinesPerInterval = 3;

struct Allowance {
  steady_clock::time_point since;
  uint32_t written = 0;
  uint64_t held_back = 0;
};

std::string json_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out;
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct Sink {
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::text;
  std::atomic<LogLevel> least{LogLevel::info};
  std::unordered_map<std::string, Allowance> allowances;

  Sink() {
    logger = std::make_shared<spdlog::logger>("tailrace",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    set_pattern();
  }
  void set_pattern() {
    // UTC, so that lines of many nodes can be laid side by side.
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        format == LogFormat::text ? "%Y-%m-%dT%H:%M:%S.%eZ %l %v" : "%v",
        spdlog::pattern_time_type::utc));
  }
  void write(LogLevel level, std::string_view component, std::string_view key,
             std::string_view message, uint64_t held_back) {
    const std::string more =
        held_back == 0 ? std::string() : fmt::format(" ({} such lines held back)", held_back);
    if (format == LogFormat::text) {
      // A message never breaks the line, whatever a server put into its answer.
      std::string line = fmt::format("{}: {}{}", component, message, more);
      for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20) {
          c = ' ';
        }
      }
      logger->log(to_spdlog(level), "{}", line);
    } else {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
      logger->log(to_spdlog(level),
                  R"({{"ts":{}.{:03d},"level":"{}","component":"{}","event":"{}","msg":"{}{}"}})",
                  ms / 1000, ms % 1000, name_of(level), json_escape(component), json_escape(key),
                  json_escape(message), more);
    }
  }
};

Sink& sink() {
  static Sink* const instance = new Sink();  // never destroyed: threads may log until the end
  return *instance;
}

}  // namespace

bool log_enabled(LogLevel level) noexcept {
  return level >= sink().least.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, std::string_view component, std::string_view key,
              std::string_view message) {
  Sink& to = sink();
  if (!log_enabled(level)) {
    return;
  }
  std::lock_guard lock(to.mutex);
  std::string id;
  id.append(component).append("\n").append(key);
  const auto now = steady_clock::now();
  Allowance& allowance = to.allowances[id];
  if (now - allowance.since >= kInterval) {
    const uint64_t held_back = allowance.held_back;
    allowance = {now, 1, 0};
    to.write(level, component, key, message, held_back);
    return;
  }
  if (allowance.written < kLinesPerInterval) {
    ++allowance.written;
    to.write(level, component, key, message, 0);
  } else {
    ++allowance.held_back;
  }
}

void configure_log(LogLevel least, LogFormat format) {
  Sink& to = sink();
  std::lock_guard lock(to.mutex);
  to.least = least;
  to.format = format;
  to.set_pattern();
}

void flush_log() {
  Sink& to = sink();
  std::lock_guard lock(to.mutex);
  for (auto& [id, allowance] : to.allowances) {
    if (allowance.held_back != 0) {
      const size_t at = id.find('\n');
      to.write(LogLevel::info, std::string_view(id).substr(0, at),
               std::string_view(id).substr(at + 1), "more of these lines were held back",
               std::exchange(allowance.held_back, 0));
    }
  }
  to.logger->flush();
}

}  // namespace tailrace
