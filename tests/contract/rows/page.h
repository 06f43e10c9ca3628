#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

namespace tailrace::contract {

struct Row {
  std::string_view series;
  uint64_t series_hash = 0;
  double value = 0;
  uint32_t source_bytes = 0;  // with its newline
};

/// Reads a page of `series value` lines. All or nothing: `rows` is filled only when every line is
/// good and there are at most `max_rows`. Views point into the page.
/// Errors: invalid (which line), limit.
Status read_page(std::string_view page, uint32_t max_rows, std::vector<Row>& rows);

}  // namespace tailrace::contract
