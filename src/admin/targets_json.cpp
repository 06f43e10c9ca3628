#include "admin/targets_json.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "admin/json_text.h"
#include "codec/timestamp.h"

namespace tailrace::admin {

namespace {

using Row = std::pair<std::string, TargetStatus>;

/// `%41+b` -> `A b`.
std::string unescaped(std::string_view text) {
  const auto digit = [](char c) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    return kDigits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool has_two = i + 2 < text.size();
    if (text[i] == '%' && has_two && digit(text[i + 1]) != std::string_view::npos &&
        digit(text[i + 2]) != std::string_view::npos) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

/// `1m30s`, as Prometheus writes durations.
std::string duration_text(double seconds) {
  auto left = static_cast<int64_t>(std::llround(seconds * 1000));
  if (left <= 0) {
    return "0s";
  }
  static constexpr std::pair<const char*, int64_t> kUnits[] = {
      {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
  std::string out;
  for (const auto& [name, size] : kUnits) {
    if (left >= size) {
      out += fmt::format("{}{}", left / size, name);
      left %= size;
    }
  }
  return out;
}

std::string time_text(int64_t ns) {
  if (ns == 0) {
    return "0001-01-01T00:00:00Z";  // Go's way to say never
  }
  char text[codec::kRfc3339Bytes];
  return {text, codec::format_rfc3339(ns, text)};
}

void add_labels(JsonText& json, std::string_view name, const TargetStatus::Pairs& labels) {
  json.key(name).open('{');
  for (const auto& [label, value] : labels) {
    json.key(label).value(value);
  }
  json.close('}');
}

void add_active(JsonText& json, const std::string& input, const TargetStatus& target) {
  json.open('{');
  add_labels(json, "discoveredLabels", target.discovered_labels);
  add_labels(json, "labels", target.labels);
  json.key("scrapePool").value(target.pool);
  json.key("scrapeUrl").value(target.url);
  json.key("globalUrl").value(target.url);
  json.key("lastError").value(target.last_error);
  json.key("lastScrape").value(time_text(target.last_scrape_ns));
  json.key("lastScrapeDuration").value(target.last_duration_seconds);
  json.key("health").value(target.health);
  json.key("scrapeInterval").value(duration_text(target.interval_seconds));
  json.key("scrapeTimeout").value(duration_text(target.timeout_seconds));
  json.key("input").value(input);
  json.key("lastSamples").value(target.samples);
  json.key("lastSamplesPostMetricRelabeling").value(target.samples_after_relabel);
  if (target.gap_seconds > 0) {
    json.key("restartGap").value(target.gap_seconds);
  }
  json.close('}');
}

}  // namespace

TargetsQuery read_targets_query(std::string_view query) {
  TargetsQuery out;
  for (size_t at = 0; at < query.size();) {
    const size_t end = std::min(query.find('&', at), query.size());
    const std::string_view part = query.substr(at, end - at);
    at = end + 1;
    const size_t equals = std::min(part.find('='), part.size());
    const std::string value = unescaped(part.substr(std::min(equals + 1, part.size())));
    if (part.substr(0, equals) == "state") {
      out.active = value != "dropped";
      out.dropped = value != "active";
    } else if (part.substr(0, equals) == "scrapePool") {
      out.pool = value;
    }
  }
  return out;
}

std::string targets_json(const std::vector<pipeline::LaneSnapshot>& lanes,
                         const TargetsQuery& query) {
  std::vector<const Row*> active;
  std::vector<const Row*> dropped;
  std::map<std::string, uint64_t> dropped_counts;
  for (const pipeline::LaneSnapshot& lane : lanes) {
    for (const Row& row : lane.targets) {
      if (!query.pool.empty() && row.second.pool != query.pool) {
        continue;
      }
      uint64_t& count = dropped_counts[row.second.pool];
      if (row.second.dropped) {
        dropped.push_back(&row);
        count += 1 + row.second.dropped_more;
      } else {
        active.push_back(&row);
      }
    }
  }
  std::ranges::stable_sort(
      active, {}, [](const Row* row) { return std::tie(row->second.pool, row->second.url); });
  JsonText json;
  json.open('{').key("status").value("success").key("data").open('{');
  json.key("activeTargets").open('[');
  if (query.active) {
    for (const Row* row : active) {
      add_active(json, row->first, row->second);
    }
  }
  json.close(']').key("droppedTargets").open('[');
  if (query.dropped) {
    for (const Row* row : dropped) {
      json.open('{');
      add_labels(json, "discoveredLabels", row->second.discovered_labels);
      json.key("scrapePool").value(row->second.pool);
      json.key("input").value(row->first);
      json.close('}');
    }
  }
  json.close(']').key("droppedTargetCounts").open('{');
  if (query.dropped) {
    for (const auto& [pool, count] : dropped_counts) {
      json.key(pool).value(count);
    }
  }
  return json.close('}').close('}').close('}').take();
}

}  // namespace tailrace::admin
