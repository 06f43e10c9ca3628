#pragma once

#include <optional>
#include <string_view>

#include "tailrace/batch.h"

namespace tailrace::outputs::otlp {

/// Each signal has requests of its own, goes to an endpoint of its own and may be told to wait
/// alone: what a tenant is to the engine. So the signal's name is the tenant.
inline std::string_view tenant_of(Signal signal) noexcept {
  return to_string(signal);
}
inline std::optional<Signal> signal_of_tenant(std::string_view tenant) noexcept {
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    if (tenant == tenant_of(signal)) {
      return signal;
    }
  }
  return std::nullopt;
}

}  // namespace tailrace::outputs::otlp
