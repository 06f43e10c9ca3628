#include "admin/prometheus_text.h"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace tailrace::admin {

namespace {

void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && with_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return fmt::format("{}", value);
}

void append_sample(std::string& out, std::string_view name, const MetricLabels& labels,
                   std::string_view le, const std::string& value) {
  out += name;
  if (!labels.empty() || !le.empty()) {
    out += '{';
    bool first = true;
    auto pair = [&](std::string_view label, std::string_view text) {
      if (!first) {
        out += ',';
      }
      first = false;
      out += label;
      out += "=\"";
      append_escaped(out, text, true);
      out += '"';
    };
    for (const auto& [label, text] : labels) {
      pair(label, text);
    }
    if (!le.empty()) {
      pair("le", le);
    }
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

}  // namespace

std::string to_prometheus_text(const std::vector<MetricsRegistry::Family>& families) {
  using Type = MetricsRegistry::Type;
  std::string out;
  for (const auto& family : families) {
    out += "# HELP " + family.name + ' ';
    append_escaped(out, family.help, false);
    static constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
    // CPU seconds are a counter with a fraction, which a Counter cannot hold.
    const Type type = family.name.ends_with("_total") ? Type::counter : family.type;
    fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", family.name,
                   kTypes[static_cast<int>(type)]);
    for (const auto& sample : family.samples) {
      if (family.type != Type::histogram) {
        append_sample(out, family.name, sample.labels, {}, number(sample.value));
        continue;
      }
      for (size_t i = 0; i < sample.buckets.size(); ++i) {
        const std::string le = i < sample.bounds.size() ? number(sample.bounds[i]) : "+Inf";
        append_sample(out, family.name + "_bucket", sample.labels, le,
                      std::to_string(sample.buckets[i]));
      }
      append_sample(out, family.name + "_sum", sample.labels, {}, number(sample.sum));
      append_sample(out, family.name + "_count", sample.labels, {},
                    std::to_string(sample.buckets.empty() ? 0 : sample.buckets.back()));
    }
  }
  return out;
}

}  // namespace tailrace::admin
