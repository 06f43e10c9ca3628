#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "codec/hash.h"
#include "codec/utf8.h"
#include "plugins/common/prom/target_set.h"

namespace tailrace::common::prom {

namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kPath = "__metrics_path__";
constexpr std::string_view kInterval = "__scrape_interval__";
constexpr std::string_view kTimeout = "__scrape_timeout__";
constexpr std::string_view kNative = "__scrape_native_histograms__";
constexpr std::string_view kClassic = "__always_scrape_classic_histograms__";
constexpr std::string_view kCustomBuckets = "__convert_classic_histograms_to_nhcb__";
constexpr std::string_view kParam = "__param_";
constexpr std::string_view kMeta = "__meta_";

std::string_view text_of(const std::optional<bool>& value) noexcept {
  return value.value_or(false) ? "true" : "false";
}

/// The target's own labels, the group's, and what the job says where neither has it.
void begin(const ScrapeConfig& job, const LabelPairs& target, const LabelPairs& group,
           LabelBuilder& builder) {
  builder.assign({});
  for (const auto& [name, value] : target) {
    builder.set_copy(name, value);
  }
  for (const auto& [name, value] : group) {
    // Also a label that the target sets to the empty text hides the group's.
    if (std::ranges::find(target, name, &LabelPairs::value_type::first) == target.end()) {
      builder.set_copy(name, value);
    }
  }
  const auto otherwise = [&builder](std::string_view name, std::string_view value) {
    if (!builder.has(name)) {
      builder.set_copy(name, value);
    }
  };
  otherwise("job", job.job_name);
  otherwise(kInterval, print_prom_duration(job.scrape_interval));
  otherwise(kTimeout, print_prom_duration(job.scrape_timeout));
  otherwise(kPath, job.metrics_path);
  otherwise(kScheme, job.scheme);
  otherwise(kNative, text_of(job.scrape_native_histograms));
  otherwise(kClassic, text_of(job.always_scrape_classic_histograms));
  otherwise(kCustomBuckets, text_of(job.convert_classic_histograms_to_nhcb));
  for (const auto& [name, values] : job.params) {
    if (!values.empty()) {
      otherwise(fmt::format("{}{}", kParam, name), values.front());
    }
  }
}

/// Reads a duration label; says what is wrong with it.
std::string read_duration(const LabelBuilder& builder, std::string_view label,
                          std::string_view what, Duration& out) {
  const std::string_view text = builder.get(label);
  const auto duration = parse_prom_duration(text);
  if (!duration) {
    return fmt::format("error parsing scrape {}: {}", what,
                       text.empty() ? "empty duration string"
                                    : fmt::format("not a valid duration string: \"{}\"", text));
  }
  if (duration->count() == 0) {
    return fmt::format("scrape {} cannot be 0", what);
  }
  out = *duration;
  return {};
}

std::string read_switch(const LabelBuilder& builder, std::string_view label, bool otherwise,
                        bool& out) {
  const std::string_view text = builder.get(label);
  if (text != "true" && text != "false" && !text.empty()) {
    return fmt::format("error parsing {}: \"{}\" is neither true nor false", label, text);
  }
  out = text.empty() ? otherwise : text == "true";
  return {};
}

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

/// As Go's url.QueryEscape.
void append_query_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

/// As Go's url.URL.EscapedPath of a path that is given unescaped.
void append_path_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (is_unreserved(c) || std::string_view("/$&+,:;=@").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

/// `__param_x` stands for the first value of the parameter x.
std::string url_of(const ScrapeConfig& job, const LabelBuilder& builder) {
  std::string url = fmt::format("{}://{}", builder.get(kScheme), builder.get(kAddress));
  const std::string_view path = builder.get(kPath);
  if (!path.empty() && path[0] != '/') {
    url += '/';
  }
  append_path_escaped(path, url);
  StringListMap params = job.params;
  for (const Label& label : builder.labels()) {
    if (label.name.starts_with(kParam)) {
      StringList& values = params[std::string(label.name.substr(kParam.size()))];
      values.resize(std::max<size_t>(values.size(), 1));
      values.front() = label.value;
    }
  }
  char before = '?';
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) {
      url += std::exchange(before, '&');
      append_query_escaped(name, url);
      url += '=';
      append_query_escaped(value, url);
    }
  }
  return url;
}

/// Of everything that tells targets apart: all labels, also internal ones, and the URL.
uint64_t hash_of(const LabelBuilder& builder, std::string_view url) {
  std::string all;
  for (const Label& label : builder.labels()) {
    all.append(label.name).append("\xFF", 1).append(label.value).append("\xFF", 1);
  }
  all.append(url);
  return codec::stable_hash(all);
}

/// Reads what relabeling left; returns what is wrong, or "".
std::string finish(const ScrapeConfig& job, LabelBuilder& builder, Target& target) {
  const std::string_view address = builder.get(kAddress);
  if (address.empty()) {
    return "no address";
  }
  if (address.find('/') != std::string_view::npos) {
    return fmt::format("\"{}\" is not a valid hostname", address);
  }
  for (std::string wrong :
       {read_duration(builder, kInterval, "interval", target.interval),
        read_duration(builder, kTimeout, "timeout", target.timeout),
        read_switch(builder, kNative, job.scrape_native_histograms.value_or(false),
                    target.scrape_native_histograms),
        read_switch(builder, kClassic, job.always_scrape_classic_histograms.value_or(false),
                    target.always_scrape_classic_histograms),
        read_switch(builder, kCustomBuckets, job.convert_classic_histograms_to_nhcb.value_or(false),
                    target.convert_classic_histograms_to_nhcb)}) {
    if (!wrong.empty()) {
      return wrong;
    }
  }
  if (target.timeout > target.interval) {
    return fmt::format("scrape timeout cannot be greater than scrape interval (\"{}\" > \"{}\")",
                       builder.get(kTimeout), builder.get(kInterval));
  }
  for (const auto& [name, value] : pairs_of(builder)) {
    if (name.starts_with(kMeta)) {
      builder.erase(name);
    }
  }
  if (!builder.has("instance")) {
    builder.set("instance", address);
  }
  for (const Label& label : builder.labels()) {
    if (!codec::valid_utf8(label.value)) {
      return fmt::format("invalid label value for \"{}\"", label.name);
    }
  }
  return {};
}

}  // namespace

RelabeledTarget make_target(const ScrapeConfig& job, const LabelPairs& target,
                            const LabelPairs& group, LabelBuilder& builder,
                            std::vector<RelabelStep>* steps) {
  RelabeledTarget out;
  begin(job, target, group, builder);
  out.discovered = pairs_of(builder);
  const bool kept = steps != nullptr ? relabel_traced(job.relabel_configs, builder, *steps)
                                     : relabel(job.relabel_configs, builder);
  if (!kept) {
    return out;
  }
  auto made = std::make_shared<Target>();
  out.refused = finish(job, builder, *made);
  if (!out.refused.empty()) {
    return out;
  }
  made->discovered_labels = out.discovered;
  made->url = url_of(job, builder);
  made->hash = hash_of(builder, made->url);
  for (const Label& label : builder.labels()) {
    if (!label.name.starts_with("__")) {
      made->labels.emplace_back(label.name, label.value);
    }
  }
  out.target = std::move(made);
  return out;
}

}  // namespace tailrace::common::prom
