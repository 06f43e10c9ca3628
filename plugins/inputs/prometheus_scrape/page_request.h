#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tailrace/channel.h"
#include "tailrace/config_schema.h"
#include "tailrace/result.h"

#include "plugins/common/prom/scrape_cache/scrape_options.h"
#include "plugins/common/prom/scrape_config.h"

/// How a page is asked for, and what kind of page came.
/// Source: Prometheus scrape/scrape.go (acceptHeader, scrapeRequest), model/textparse/interface.go.
namespace tailrace::inputs::prometheus_scrape {

/// The protocols of the job, the most wanted first, with falling weights.
std::string accept_header(const common::prom::ScrapeConfig& job);
/// Headers of every scrape of a target with this timeout.
Headers request_headers(const common::prom::ScrapeConfig& job, Duration timeout);
/// The format that a Content-Type names, or the job's fallback. Errors: unsupported.
Result<common::prom::PageFormat> page_format(std::string_view content_type,
                                             std::optional<common::prom::ScrapeProtocol> fallback);

}  // namespace tailrace::inputs::prometheus_scrape
