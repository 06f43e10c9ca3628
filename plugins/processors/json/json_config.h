#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"

namespace tailrace::processors::json {

enum class TimeFormat : uint8_t { automatic, rfc3339, unix_s, unix_ms, unix_us, unix_ns };

struct TimestampConfig {
  std::string field;
  TimeFormat format = TimeFormat::automatic;
};

/// How numbers in a severity field are read.
enum class LevelNumbers : uint8_t { automatic, pino, python };

struct SeverityConfig {
  bool enabled = true;
  StringList fields;  // empty: kSeverityFields
  LevelNumbers numbers = LevelNumbers::automatic;
  std::string label;
  std::string metadata;
};

enum class OnError : uint8_t { pass, drop };

struct JsonConfig {
  StringMap labels;    // label -> field
  StringMap metadata;  // name -> field
  std::optional<TimestampConfig> timestamp;
  SeverityConfig severity;
  bool message_only = false;
  StringList message_fields = {"msg", "message", "log"};
  OnError on_error = OnError::pass;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

/// Most fields that become labels or metadata, taken together.
inline constexpr size_t kMaxFields = 48;
/// Deepest path: a.b.c.d.
inline constexpr size_t kMaxPathParts = 4;

const Schema& json_schema();

}  // namespace tailrace::processors::json
