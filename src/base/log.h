#pragma once

#include "tailrace/log.h"

namespace tailrace {

enum class LogFormat : uint8_t { text, json };

/// Sets up the agent's log on stderr. Before that, lines of info and above are written as text.
void configure_log(LogLevel least, LogFormat format);
/// Writes how many lines each key held back, and empties the sink. At shutdown.
void flush_log();

}  // namespace tailrace
