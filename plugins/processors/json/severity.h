#pragma once

#include <span>
#include <string_view>

#include "tailrace/log_batch.h"

namespace tailrace::processors::json {

/// Names of fields that hold a severity, unless the config names others.
std::span<const std::string_view> default_severity_fields() noexcept;

/// What the numbers of a field mean.
enum class LevelScale : uint8_t {
  level,          ///< Depends on the record: pino or Python, syslog, Monolog.
  python,         ///< Python's logging.
  open_telemetry  ///< SeverityNumber, 1 to 24.
};
/// By the field's name: `levelno` is Python's, `severity_number` OpenTelemetry's.
LevelScale scale_of_field(std::string_view field) noexcept;

/// The severity that a word stands for, in any case: words of zap, logrus, log4j, syslog, Python,
/// Serilog …, klog's letters (I, W, E, F), short forms (wrn), and words with a number behind them
/// as slog (INFO+2) and PostgreSQL (DEBUG1) have. Unset when it is not known.
Severity severity_of_word(std::string_view word) noexcept;

/// True when pino's and Python's readings of a number differ: 10 to 99.
bool is_ambiguous_level(int number) noexcept;

/// By magnitude: syslog (0 emergency … 7 debug); 10 to 99 by pino (10 trace … 60 fatal) or Python
/// (10 debug … 50 critical), rounded down; Monolog (100 debug … 600 emergency). Unset for others.
/// Source: RFC 5424 table 2; pino and bunyan level numbers; Python logging; Monolog\Level.
Severity severity_of_level(int number, bool pino) noexcept;

/// OpenTelemetry's SeverityNumber, unset unless 1 to 24.
Severity severity_of_otel(int number) noexcept;

}  // namespace tailrace::processors::json
