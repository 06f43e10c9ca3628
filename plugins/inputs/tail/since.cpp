#include "plugins/inputs/tail/since.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

namespace tailrace::inputs::tail {
namespace {

using Times = std::map<std::string_view, int64_t>;

/// What is not a line of the table is passed over: its pattern begins anew.
Times decode(std::string_view stored) {
  Times times;
  while (!stored.empty()) {
    const size_t newline = std::min(stored.find('\n'), stored.size());
    const std::string_view line = stored.substr(0, newline);
    stored.remove_prefix(std::min(newline + 1, stored.size()));
    int64_t time = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), time);
    if (error == std::errc() && end != line.data() + line.size() && *end == ' ') {
      times.emplace(line.substr(static_cast<size_t>(end + 1 - line.data())), time);
    }
  }
  return times;
}

}  // namespace

Since::Since(const std::vector<std::string>& include, std::string_view stored, int64_t now_ns) {
  const Times times = decode(stored);
  for (const std::string& pattern : include) {
    Entry entry;
    entry.pattern = pattern;
    if (auto globs = parse_glob(pattern)) {
      entry.globs = std::move(*globs);
    }
    const auto known = times.find(pattern);
    entry.time_ns = known != times.end() ? known->second : now_ns;
    if (entry.time_ns > now_ns) {
      entry.time_ns = 0;  // the clock was wrong when that was written: nobody knows any more
    }
    entries_.push_back(std::move(entry));
  }
  changed_ = encode() != stored;
}

int64_t Since::of(std::string_view path) const noexcept {
  int64_t of_all = INT64_MAX;
  int64_t of_named = INT64_MAX;
  for (const Entry& entry : entries_) {
    of_all = std::min(of_all, entry.time_ns);
    if (std::ranges::any_of(entry.globs,
                            [&](const Glob& glob) { return match_path(glob, path); })) {
      of_named = std::min(of_named, entry.time_ns);
    }
  }
  return of_named != INT64_MAX ? of_named : of_all;
}

std::string Since::encode() const {
  std::string table;
  for (const Entry& entry : entries_) {
    table += fmt::format("{} {}\n", entry.time_ns, entry.pattern);
  }
  return table;
}

}  // namespace tailrace::inputs::tail
