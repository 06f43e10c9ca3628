#pragma once

#include "tailrace/clock.h"

namespace tailrace::loop {

/// The system's clocks. The only place that reads them for the engine.
const Clock& system_clock() noexcept;

}  // namespace tailrace::loop
