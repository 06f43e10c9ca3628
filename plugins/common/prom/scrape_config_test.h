#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_config.h"
#include "testkit/config_text.h"

namespace tailrace::common::prom {

/// The one job of a `scrape_configs` entry, written as the lines below `- job_name: job`.
inline ScrapeConfig job_of(std::string_view lines) {
  auto read = testkit::read_config<ScrapeOptions>(
      scrape_options_schema(), "scrape_configs:\n- job_name: job\n" + std::string(lines));
  for (const std::string& error : read.errors()) {
    FAIL_CHECK(error);
  }
  REQUIRE(read.config.scrape_configs.size() == 1);
  return std::move(read.config.scrape_configs.front());
}

}  // namespace tailrace::common::prom
