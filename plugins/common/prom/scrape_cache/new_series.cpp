#include <algorithm>

#include <fmt/format.h>

#include "codec/decimal.h"
#include "codec/hash.h"
#include "codec/utf8.h"
#include "plugins/common/prom/exposition/metadata.h"
#include "plugins/common/prom/label_encoding.h"
#include "plugins/common/prom/relabel.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// What a text means that the cache does not know yet.
namespace tailrace::common::prom {
namespace {

constexpr std::string_view kName = "__name__";

std::string_view value_of(std::span<const Label> labels, std::string_view name) noexcept {
  for (const Label& label : labels) {
    if (label.name == name) {
      return label.value;
    }
  }
  return {};
}

/// For people: valid UTF-8, not too long.
std::string shown(std::string_view text) {
  std::string valid;
  codec::append_valid_utf8(valid, text.substr(0, 80));
  return valid;
}

bool has_type_with_created(MetricType type) noexcept {
  return type == MetricType::counter || type == MetricType::histogram ||
         type == MetricType::summary;
}

}  // namespace

/// TypeBits under which the line that the parser holds has the same labels as under `type_`.
uint8_t ScrapeCache::Impl::types_with_these_labels() {
  bool le_changes = false;
  bool quantile_changes = false;
  for (const Label& label : parser_->labels(MetricType::unknown)) {
    double number = 0;
    if ((label.name == "le" || label.name == "quantile") &&
        codec::parse_decimal(label.value, number) &&
        codec::openmetrics_number(number) != label.value) {
      (label.name == "le" ? le_changes : quantile_changes) = true;
    }
  }
  const auto form = [&](uint8_t type) {
    return (type == kHistogramType && le_changes ? 1 : 0) +
           (type == kSummaryType && quantile_changes ? 2 : 0);
  };
  uint8_t types = 0;
  for (const uint8_t type : {kOtherType, kHistogramType, kSummaryType}) {
    types |= form(type) == form(static_cast<uint8_t>(type_bit_ >> format_shift_)) ? type : 0;
  }
  return static_cast<uint8_t>(types << format_shift_);
}

/// An entry for a text that means the series `scraped_`.
uint32_t ScrapeCache::Impl::new_entry(std::string_view text, uint8_t valid_types) {
  std::stable_sort(scraped_.begin(), scraped_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  for (size_t i = 1; i < scraped_.size(); ++i) {
    if (scraped_[i].name == scraped_[i - 1].name) {
      ++counts_.scraped;  // it is a sample all the same
      broken(fmt::format("label name `{}` is not unique", shown(scraped_[i].name)));
      return kNoId;
    }
  }
  if (!maker_.make(scraped_, builder_)) {
    return entries_.add(text, Entry::kDropped, valid_types);
  }
  const std::span<const Label> labels = builder_.labels();
  if (!check_series(labels) || !check_limits(labels)) {
    ++counts_.scraped;
    return kNoId;
  }
  if (options_.sample_limit != 0 && sampled_ + fast_lines_ >= options_.sample_limit) {
    // It is counted, and not kept: a page without bounds must not fill the cache.
    ++counts_.scraped;
    ++counts_.post_relabel;
    ++sampled_;
    return kNoId;
  }
  const size_t size = encoded_labels_size(labels);
  char* room = entries_.begin_series(size);
  encode_labels(room, labels);
  const std::string_view encoded(room, size);
  const uint64_t hash = series_hash(encoded);
  const uint32_t id = entries_.add(text, 0, valid_types);
  if (const uint32_t owner = entries_.find_series(encoded, hash); owner != kNoId) {
    entries_.set_alias(id, owner);
  } else {
    const bool is_member = family_ != nullptr &&
                           is_part_of_family(value_of(labels, kName), family_->name, family_->type);
    entries_.set_series(id, encoded, hash, is_member ? family_ : nullptr);
  }
  bool is_created_line = false;
  if (const uint64_t key = created_key(is_created_line); key != 0) {
    entries_.created_keys.grow_to(id + 1);
    entries_.created_keys[id] = key;
    entries_[id].flags |= is_created_line ? Entry::kCreatedLine : 0;
    has_created_lines_ |= is_created_line;
  }
  ++counts_.added;
  return id;
}

bool ScrapeCache::Impl::check_series(std::span<const Label> labels) {
  if (value_of(labels, kName).empty()) {
    return broken("missing metric name (__name__ label)");
  }
  const NameValidation scheme =
      options_.legacy_names ? NameValidation::legacy : NameValidation::utf8;
  for (const Label& label : labels) {
    const bool good = is_label_name(label.name, scheme) && codec::valid_utf8(label.value) &&
                      (label.name != kName || is_metric_name(label.value, scheme));
    if (!good) {
      return broken(fmt::format("invalid metric name or label names: `{}`",
                                shown(label.name == kName ? label.value : label.name)));
    }
  }
  return true;
}

bool ScrapeCache::Impl::check_limits(std::span<const Label> labels) {
  const auto over = [this, labels](std::string what) {
    return fail(PageError::Kind::label_limit,
                fmt::format("{} (metric: {})", what, shown(value_of(labels, kName))));
  };
  if (options_.label_limit != 0 && labels.size() > options_.label_limit) {
    return over(fmt::format("label_limit exceeded: {} labels, limit: {}", labels.size(),
                            options_.label_limit));
  }
  for (const Label& label : labels) {
    if (options_.label_name_length_limit != 0 &&
        label.name.size() > options_.label_name_length_limit) {
      return over(fmt::format("label_name_length_limit exceeded: `{}` has {} bytes, limit: {}",
                              shown(label.name), label.name.size(),
                              options_.label_name_length_limit));
    }
    if (options_.label_value_length_limit != 0 &&
        label.value.size() > options_.label_value_length_limit) {
      return over(fmt::format(
          "label_value_length_limit exceeded: the value of `{}` has {} bytes, limit: {}",
          shown(label.name), label.value.size(), options_.label_value_length_limit));
    }
  }
  return true;
}

/// What a sample of OpenMetrics shares with the `_created` line that tells since when it counts:
/// the family and all labels, but for `le` of histograms and `quantile` of summaries. 0: there can
/// be no such line.
uint64_t ScrapeCache::Impl::created_key(bool& is_created_line) const {
  if (format_ != PageFormat::openmetrics || family_ == nullptr || !has_type_with_created(type_)) {
    return 0;
  }
  const std::string_view name = value_of(scraped_, kName);
  is_created_line = name.size() == family_->name.size() + 8 && name.starts_with(family_->name) &&
                    name.ends_with("_created");
  if (!is_created_line && !is_part_of_family(name, family_->name, type_)) {
    return 0;
  }
  uint64_t key = codec::stable_hash(family_->name);
  for (const Label& label : scraped_) {
    if (label.name != kName && !is_number_label(type_, label.name)) {
      key = codec::stable_hash(label.value, codec::stable_hash(label.name, key));
    }
  }
  return key | 1;
}

}  // namespace tailrace::common::prom
