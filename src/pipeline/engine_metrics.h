#pragma once

#include <functional>
#include <vector>

#include "pipeline/engine.h"

namespace tailrace::pipeline {

/// Registers what is only known when asked: the books, memory shares, spools, checkpoints. Read by
/// whoever reads the registry; everything it looks at may be read by any thread.
void register_engine_metrics(EngineShared& shared, std::vector<const delivery::Ledger*> ledgers);

/// Spools below state_dir that belong to no output of the config: kept, counted and told.
void report_orphaned_spools(EngineShared& shared);

}  // namespace tailrace::pipeline
