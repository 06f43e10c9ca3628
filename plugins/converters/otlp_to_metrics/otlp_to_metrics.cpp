#include "plugins/converters/otlp_to_metrics/otlp_to_metrics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "codec/utf8.h"
#include "plugins/common/otlp/fields.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/common/prom/label_encoding.h"
#include "plugins/converters/otlp_to_metrics/exemplars.h"
#include "plugins/converters/otlp_to_metrics/native_histogram.h"

namespace tailrace::converters::otlp_to_metrics {

namespace otlp = common::otlp;

namespace {

constexpr std::string_view kNameLabel = "__name__";
/// What a row's name may have more than the family's, and its label `le` or `quantile`.
constexpr size_t kRowOverhead = 64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Half of PromQL's default lookback, so that a query at any time between finds target_info.
constexpr uint64_t kTargetInfoEveryNs = 150'000'000'000;
/// Points of one request that are days apart get one target_info, not thousands.
constexpr uint64_t kMostTargetInfos = 1000;

template <class Call>
void for_each_point(const MetricHead& metric, Call call) {
  otlp::for_each_field(metric.data, otlp::metric_data::kPoints, call);
}

/// A NaN keeps its bits, as with Prometheus.
uint64_t bits_of(double value, bool is_stale) noexcept {
  return is_stale ? kStaleNan : std::bit_cast<uint64_t>(value);
}

otlp::NameKind name_kind_of(const MetricHead& metric) noexcept {
  if (metric.kind == Kind::gauge) {
    return otlp::NameKind::gauge;
  }
  return metric.kind == Kind::sum && metric.is_monotonic ? otlp::NameKind::counter
                                                         : otlp::NameKind::other;
}

MetricType type_of(const MetricHead& metric) noexcept {
  switch (metric.kind) {
    case Kind::sum:
      if (metric.is_monotonic) {
        return MetricType::counter;
      }
      return metric.prometheus_type == "info"       ? MetricType::info
             : metric.prometheus_type == "stateset" ? MetricType::stateset
                                                    : MetricType::gauge;
    case Kind::histogram:
    case Kind::exponential:
      return MetricType::histogram;
    case Kind::summary:
      return MetricType::summary;
    case Kind::gauge:
    case Kind::none:
      break;
  }
  return metric.prometheus_type == "unknown" ? MetricType::unknown : MetricType::gauge;
}

}  // namespace

OtlpToMetrics::OtlpToMetrics(std::shared_ptr<const OtlpToMetricsConfig> config,
                             ConverterContext& context)
    : config_(std::move(config)),
      series_labels_(*config_),
      cache_(config_->label_memory.bytes, context.memory(), context.lane().clock()),
      deltas_(config_->delta_memory.bytes, context.memory(), context.lane().clock()),
      texts_(4096) {}

void OtlpToMetrics::convert(const Batch& batch, Next& next) noexcept {
  const OtlpBatch* metrics = otlp_cast(batch);
  TR_ASSERT(metrics != nullptr);
  rows_.begin_unit(batch.receipt, next);
  cache_.begin_unit();
  for (uint32_t i = 0; i < metrics->size; ++i) {
    convert_resource(metrics->resources[i], metrics->resource_weight(i), next);
  }
  rows_.end_unit();
}

void OtlpToMetrics::convert_resource(std::string_view message, const Weight& weight, Next& next) {
  uint64_t earliest = std::numeric_limits<uint64_t>::max();
  uint64_t latest = 0;
  uint64_t points = 0;
  const auto each_metric = [message](const auto& call) {
    otlp::for_each_field(message, otlp::resource_x::kScopes, [&](std::string_view scope) {
      otlp::for_each_field(scope, otlp::scope_x::kRecords,
                           [&](std::string_view metric) { call(scope, read_metric(metric)); });
    });
  };
  each_metric([&](std::string_view, const MetricHead& metric) {
    for_each_point(metric, [&](std::string_view point) {
      ++points;
      const uint64_t time = time_of_point(point);
      earliest = time != 0 ? std::min(earliest, time) : earliest;
      latest = std::max(latest, time);
    });
  });
  if (points == 0) {
    next.filtered(weight);
    return;
  }
  share_ = {weight, points};
  took_any_ = false;
  most_label_bytes_ = rows_.label_bytes() + otlp::most_growth(weight.bytes);
  series_labels_.begin_resource(message);
  context_.clear();
  otlp::for_each_field(message, otlp::resource_x::kResource,
                       [this](std::string_view resource) { context_.append(resource); });
  const size_t of_resource = context_.size();
  context_.append(reinterpret_cast<const char*>(&of_resource), sizeof of_resource);
  cache_.begin_context(context_);
  std::string_view scope_in_work;
  each_metric([&](std::string_view scope, const MetricHead& metric) {
    if (scope.data() != scope_in_work.data()) {
      scope_in_work = scope;
      series_labels_.begin_scope(scope);
      if (config_->promote_scope_metadata) {
        context_.resize(of_resource + sizeof of_resource);
        series_labels_.append_scope(context_);
        cache_.begin_context(context_);
      }
    }
    convert_metric(metric, next);
  });
  if (took_any_ && config_->target_info) {
    add_target_info(earliest, latest);
  }
}

void OtlpToMetrics::convert_metric(const MetricHead& metric, Next& next) {
  Weight refused;
  const char* reason = nullptr;
  const auto report = [&] {
    if (reason != nullptr) {
      next.refuse(std::exchange(refused, {}), reason, metric.name);
    }
  };
  const char* const complaint = complaint_of(metric);
  family_ = nullptr;
  for_each_point(metric, [&](std::string_view message) {
    const Weight share = share_.take();
    const char* const why = complaint != nullptr ? complaint : add_point(metric, message);
    if (why == nullptr) {
      rows_.add_weight(share);
      took_any_ = true;
      return;
    }
    if (why != reason) {
      report();
      reason = why;
    }
    refused += share;
  });
  report();
}

const char* OtlpToMetrics::complaint_of(const MetricHead& metric) const noexcept {
  if (!metric.has_temporality() || metric.temporality == Temporality::cumulative) {
    return nullptr;
  }
  if (metric.temporality == Temporality::unspecified) {
    return "no_temporality";
  }
  if (config_->delta == DeltaMode::refuse) {
    return "delta_temporality";
  }
  return metric.kind == Kind::sum && !metric.is_monotonic ? "delta_not_monotonic" : nullptr;
}

const char* OtlpToMetrics::add_point(const MetricHead& metric, std::string_view message) {
  if (family_ == nullptr) {
    const otlp::Translation translation = config_->translation_strategy;
    texts_.reset();
    MetricFamily family{otlp::metric_name(codec::make_valid_utf8(metric.name, texts_), metric.unit,
                                          name_kind_of(metric), translation),
                        type_of(metric),
                        std::string(codec::make_valid_utf8(metric.description, texts_)),
                        otlp::unit_name(codec::make_valid_utf8(metric.unit, texts_), translation)};
    family_ = &rows_.add_family(std::move(family));
  }
  if (family_->name.empty()) {
    return "metric_name";
  }
  read_point(metric.kind, message, point_);
  if (point_.time == 0) {
    return "no_time";
  }
  if (metric.kind == Kind::exponential) {
    if (const char* why = check_exponential(point_)) {
      return why;
    }
  }
  texts_.reset();
  const size_t most_rows = row_count(metric);
  const bool is_delta = metric.has_temporality() && metric.temporality == Temporality::delta;
  const bool may_be_known = !is_delta && most_rows <= RowBatch::kMostRows;
  known_ = nullptr;
  next_known_ = 0;
  if (may_be_known) {
    make_key(metric);
    known_ = cache_.find(key_);
  }
  if (known_ == nullptr) {
    if (const char* why = make_labels(metric)) {
      return why;
    }
  } else if (rows_.label_bytes() + known_->text.size() > most_label_bytes_) {
    return "labels_multiply";
  }
  if (is_delta) {
    common::prom::encode_labels(key_, labels_.labels());
    if (const char* why = deltas_.add(key_, metric.kind, point_)) {
      return why;
    }
  }
  rows_.make_room(most_rows);
  const size_t before = rows_.series_count();
  if (const char* why = add_rows(metric)) {
    return why;
  }
  if (may_be_known && known_ == nullptr) {
    cache_.learn(key_, rows_.last_series(rows_.series_count() - before));
  }
  return nullptr;
}

const char* OtlpToMetrics::make_labels(const MetricHead& metric) {
  if (!series_labels_.make(point_.attributes, texts_, labels_)) {
    return "attribute_name";
  }
  labels_.set(kNameLabel, family_->name);
  const size_t row_bytes = common::prom::encoded_labels_size(labels_.labels()) + kRowOverhead;
  const bool multiplies = rows_.label_bytes() + row_count(metric) * row_bytes > most_label_bytes_;
  return multiplies ? "labels_multiply" : nullptr;
}

void OtlpToMetrics::make_key(const MetricHead& metric) {
  key_.clear();
  const auto append = [this](const auto& value) {
    key_.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  append(metric.kind);
  append(point_.sum.has_value());
  append(family_->name.size());
  key_.append(family_->name);
  append(point_.counts.size());
  append(point_.bounds.size());
  for (const double bound : point_.bounds) {
    append(bound);
  }
  append(point_.quantiles.size());
  for (const auto& [quantile, value] : point_.quantiles) {
    append(quantile);
  }
  for (const std::string_view attribute : point_.attributes) {
    append(attribute.size());
    key_.append(attribute);
  }
}

const char* OtlpToMetrics::add_rows(const MetricHead& metric) {
  exemplars_.clear();
  exemplars_done_ = 0;
  switch (metric.kind) {
    case Kind::sum:
      sort_exemplars();
      add_exemplars(add_sample("", point_.value), kInfinity);
      break;
    case Kind::histogram:
      sort_exemplars();
      if (config_->convert_histograms_to_nhcb) {
        return add_custom_buckets();
      }
      add_histogram();
      break;
    case Kind::exponential:
      sort_exemplars();
      add_exponential();
      break;
    case Kind::summary:
      add_summary();
      break;
    case Kind::gauge:
    case Kind::none:
      point_.start = 0;  // nothing is counted from there
      add_sample("", point_.value);
  }
  return nullptr;
}

size_t OtlpToMetrics::row_count(const MetricHead& metric) const noexcept {
  switch (metric.kind) {
    case Kind::histogram:
      return config_->convert_histograms_to_nhcb ? 1 : 3 + point_.bounds.size();
    case Kind::summary:
      return 2 + point_.quantiles.size();
    default:
      return 1;
  }
}

void OtlpToMetrics::add_histogram() {
  if (point_.sum) {
    add_sample("_sum", *point_.sum);
  }
  add_sample("_count", static_cast<double>(point_.count));
  uint64_t so_far = 0;
  for (size_t i = 0; i < std::min(point_.bounds.size(), point_.counts.size()); ++i) {
    so_far += point_.counts[i];
    if (point_.bounds[i] == kInfinity) {
      continue;  // the last bucket has that name
    }
    set_bound("le", point_.bounds[i]);
    add_exemplars(add_sample("_bucket", static_cast<double>(so_far)), point_.bounds[i]);
  }
  set_bound("le", kInfinity);
  add_exemplars(add_sample("_bucket", static_cast<double>(point_.count)), kInfinity);
}

void OtlpToMetrics::add_summary() {
  add_sample("_sum", point_.sum.value_or(0));
  add_sample("_count", static_cast<double>(point_.count));
  for (const auto& [quantile, value] : point_.quantiles) {
    set_bound("quantile", quantile);
    add_sample("", value);
  }
}

const char* OtlpToMetrics::add_custom_buckets() {
  rows_.make_room(1);
  NativeHistogram histogram;
  if (const char* why = explicit_to_native(point_, rows_.arena(), histogram)) {
    return why;
  }
  add_native(histogram);
  return nullptr;
}

void OtlpToMetrics::add_exponential() {
  rows_.make_room(1);
  NativeHistogram histogram;
  exponential_to_native(point_, rows_.arena(), histogram);
  add_native(histogram);
}

void OtlpToMetrics::add_native(const NativeHistogram& histogram) {
  const MetricSeries& series = add_series("");
  rows_.add_histogram(series, point_.time_ms(), point_.start_ms(), histogram);
  add_exemplars(series, kInfinity);
}

void OtlpToMetrics::add_target_info(uint64_t earliest, uint64_t latest) {
  texts_.reset();
  if (!series_labels_.make_target_info(texts_, labels_)) {
    return;
  }
  known_ = nullptr;
  family_ = &rows_.add_family({"target_info", MetricType::gauge, "Target metadata", ""});
  point_.start = 0;
  point_.is_stale = false;
  if ((latest - earliest) / kTargetInfoEveryNs < kMostTargetInfos) {
    for (uint64_t time = earliest; time < latest; time += kTargetInfoEveryNs) {
      point_.time = time;
      add_sample("", 1);
    }
  }
  point_.time = latest;
  add_sample("", 1);
}

const MetricSeries& OtlpToMetrics::add_sample(std::string_view suffix, double value) {
  rows_.make_room(1);
  const MetricSeries& series = add_series(suffix);
  rows_.add_row(series, point_.time_ms(), bits_of(value, point_.is_stale), point_.start_ms());
  return series;
}

const MetricSeries& OtlpToMetrics::add_series(std::string_view suffix) {
  if (known_ != nullptr) {
    TR_ASSERT(next_known_ < known_->rows.size());
    const SeriesCache::Row& row = known_->rows[next_known_++];
    return rows_.add_series(row.labels, row.hash, family_);
  }
  name_.assign(family_->name).append(suffix);
  labels_.set(kNameLabel, name_);
  return rows_.add_series(labels_.labels(), family_);
}

void OtlpToMetrics::set_bound(std::string_view label, double bound) {
  if (known_ == nullptr) {
    labels_.set(label, number(bound));
  }
}

void OtlpToMetrics::sort_exemplars() {
  for (const std::string_view message : point_.exemplars) {
    if (const auto exemplar = read_exemplar(message, texts_)) {
      exemplars_.emplace_back(std::isnan(exemplar->value) ? kInfinity : exemplar->value, message);
    }
  }
  std::ranges::stable_sort(exemplars_, {}, &std::pair<double, std::string_view>::first);
}

void OtlpToMetrics::add_exemplars(const MetricSeries& series, double up_to) {
  of_series_.clear();
  for (; exemplars_done_ < exemplars_.size() && exemplars_[exemplars_done_].first <= up_to;
       ++exemplars_done_) {
    if (auto exemplar = read_exemplar(exemplars_[exemplars_done_].second, rows_.arena())) {
      exemplar->series = &series;
      of_series_.push_back(*exemplar);
    }
  }
  // Prometheus takes none that is older than the one before.
  std::ranges::stable_sort(of_series_, {}, &ExemplarRow::timestamp);
  for (const ExemplarRow& exemplar : of_series_) {
    rows_.add_exemplar(exemplar);
  }
}

std::string_view OtlpToMetrics::number(double value) {
  if (!std::isfinite(value)) {
    return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  }
  std::array<char, 400> room;
  const auto done =
      std::to_chars(room.data(), room.data() + room.size(), value, std::chars_format::fixed);
  return texts_.copy({room.data(), static_cast<size_t>(done.ptr - room.data())});
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
constexpr const BatchType* kTo[] = {&MetricBatch::kType};
}  // namespace

}  // namespace tailrace::converters::otlp_to_metrics

namespace tailrace {

extern const PluginDescriptor converters_otlp_to_metrics_plugin;
// NOLINTNEXTLINE(cert-err58-cpp): it is made at compile time
constinit const PluginDescriptor converters_otlp_to_metrics_plugin =
    define_converter<converters::otlp_to_metrics::OtlpToMetrics,
                     converters::otlp_to_metrics::OtlpToMetricsConfig>(
        {.name = "otlp_to_metrics",
         .summary = "Makes Prometheus's series and samples of OpenTelemetry's metrics.",
         .signals = converters::otlp_to_metrics::kSignals,
         .from = &OtlpBatch::kMetrics,
         .to = converters::otlp_to_metrics::kTo,
         .growth = 6},
        converters::otlp_to_metrics::otlp_to_metrics_schema);

}  // namespace tailrace
