#include "plugins/common/prom/exposition/metadata.h"

#include <initializer_list>

namespace tailrace::common::prom {
namespace {

/// Without the first of the suffixes that it ends with.
std::string_view without_suffix(std::string_view name,
                                std::initializer_list<std::string_view> suffixes) noexcept {
  for (const std::string_view suffix : suffixes) {
    if (name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

void append_unescaped(std::string& to, std::string_view text, std::string_view escapable) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && escapable.find(text[i + 1]) != text.npos) {
      ++i;
      to += text[i] == 'n' ? '\n' : text[i];
    } else {
      to += text[i];
    }
  }
}

}  // namespace

bool parse_metric_type(std::string_view text, bool openmetrics, MetricType& type) noexcept {
  struct Row {
    std::string_view name;
    MetricType type;
    bool text_too;
  };
  static constexpr Row kRows[] = {{"counter", MetricType::counter, true},
                                  {"gauge", MetricType::gauge, true},
                                  {"histogram", MetricType::histogram, true},
                                  {"summary", MetricType::summary, true},
                                  {"gaugehistogram", MetricType::gauge_histogram, false},
                                  {"info", MetricType::info, false},
                                  {"stateset", MetricType::stateset, false},
                                  {"unknown", MetricType::unknown, false}};
  for (const Row& row : kRows) {
    if (row.name == text && (row.text_too || openmetrics)) {
      type = row.type;
      return true;
    }
  }
  if (!openmetrics && text == "untyped") {
    type = MetricType::unknown;
    return true;
  }
  return false;
}

bool is_part_of_family(std::string_view series_name, std::string_view family,
                       MetricType type) noexcept {
  if (!series_name.starts_with(family)) {
    return false;
  }
  switch (type) {
    case MetricType::counter:
      return without_suffix(series_name, {"_total"}) == without_suffix(family, {"_total"});
    case MetricType::histogram:
      return without_suffix(series_name, {"_bucket", "_sum", "_count"}) == family;
    case MetricType::gauge_histogram:
      return without_suffix(series_name, {"_bucket", "_gsum", "_gcount"}) == family;
    case MetricType::summary:
      return without_suffix(series_name, {"_sum", "_count"}) == family;
    case MetricType::info:
      return without_suffix(series_name, {"_info"}) == without_suffix(family, {"_info"});
    default:
      return series_name == family;
  }
}

bool has_unit_suffix(std::string_view name, std::string_view unit) noexcept {
  return name.size() > unit.size() && name.ends_with(unit) &&
         name[name.size() - unit.size() - 1] == '_';
}

std::string unescape_help(std::string_view text, bool openmetrics) {
  std::string out;
  out.reserve(text.size());
  append_unescaped(out, text, openmetrics ? "\\n\"" : "\\n");
  return out;
}

void append_unescaped(std::string& to, std::string_view text) {
  append_unescaped(to, text, "\\n\"");
}

}  // namespace tailrace::common::prom
