#include "page.h"

#include <charconv>

namespace tailrace::contract {

namespace {

/// FNV-1a: the same on every lane and in every run, as an order key must be.
uint64_t stable_hash(std::string_view text) noexcept {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  }
  return hash;
}

}  // namespace

Status read_page(std::string_view page, uint32_t max_rows, std::vector<Row>& rows) {
  rows.clear();
  while (!page.empty()) {
    const size_t newline = page.find('\n');
    const std::string_view line = page.substr(0, newline);
    const size_t taken = newline == std::string_view::npos ? page.size() : newline + 1;
    const size_t blank = line.rfind(' ');
    Row row;
    row.series = line.substr(0, blank);
    row.source_bytes = static_cast<uint32_t>(taken);
    bool good = newline != std::string_view::npos && blank != std::string_view::npos && blank > 0;
    if (good) {
      const char* end = line.data() + line.size();
      const auto read = std::from_chars(line.data() + blank + 1, end, row.value);
      good = read.ec == std::errc() && read.ptr == end;
    }
    if (!good || rows.size() == max_rows) {
      const std::string number = std::to_string(rows.size() + 1);
      rows.clear();
      return good ? fail(ErrorCode::limit, "more than " + std::to_string(max_rows) + " rows")
                  : fail(ErrorCode::invalid, "line " + number + " is not `series value`");
    }
    row.series_hash = stable_hash(row.series);
    rows.push_back(row);
    page.remove_prefix(taken);
  }
  return {};
}

}  // namespace tailrace::contract
