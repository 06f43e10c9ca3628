#pragma once

#include <vector>

#include "plugins/common/prom/scrape_config.h"

/// What follows from several options of `global` and `scrape_configs`, and what must not stand
/// together.
/// Source: Prometheus config/config.go, the UnmarshalYAML and Validate methods.
namespace tailrace::common::prom {

/// Checks of one job that need nothing of `global`.
bool finish_job(ScrapeConfig& job, const ConfigValue& at, ConfigContext& context);
/// Resolves `global` and every job, reads scrape_config_files, checks that names are unique.
bool finish_options(ScrapeOptions& options, const ConfigValue& at, ConfigContext& context);

/// Reads a file of scrape_config_files: a map with `scrape_configs`.
bool read_scrape_config_file(const ConfigValue& root, std::vector<ScrapeConfig>& jobs,
                             ConfigContext& context);

}  // namespace tailrace::common::prom
