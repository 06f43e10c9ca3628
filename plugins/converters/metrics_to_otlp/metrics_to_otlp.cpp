#include "plugins/converters/metrics_to_otlp/metrics_to_otlp.h"

#include <utility>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::converters::metrics_to_otlp {

namespace otlp = common::otlp;

namespace {

constexpr std::string_view kTargetInfo = "target_info";

MetricType type_of(const MetricSeries& series) noexcept {
  return series.family != nullptr ? series.family->type : MetricType::unknown;
}

Kind kind_of(MetricType type) noexcept {
  switch (type) {
    case MetricType::counter:
      return Kind::counter;
    case MetricType::info:
    case MetricType::stateset:
      return Kind::state;
    default:
      return Kind::gauge;
  }
}

int64_t created_of(const MetricBatch& batch, uint32_t row) noexcept {
  return batch.created != nullptr ? batch.created[row] : 0;
}

}  // namespace

void MetricsToOtlp::convert(const Batch& any, Next& next) noexcept {
  TR_ASSERT(batch_cast<MetricBatch>(any) != nullptr);
  const auto& batch = static_cast<const MetricBatch&>(any);
  if (batch.records() == 0) {
    next.filtered(batch.weight());
    return;
  }
  tree_.clear();
  groups_.clear();
  group_by_key_.clear();
  index_exemplars(batch);
  for (uint32_t row = 0; row < batch.size; ++row) {
    add_row(batch, row);
  }
  for (Group& group : groups_) {
    finish_group(batch, group);
  }
  weighed_ = 0;
  for (const HistogramRow& row : batch.histograms) {
    if (const char* why = add_native(row)) {
      next.refuse(take_weight(batch, 1), why, head_.name);
    }
  }
  push(batch, next);
}

void MetricsToOtlp::index_exemplars(const MetricBatch& batch) {
  exemplars_.clear();
  for (const ExemplarRow& exemplar : batch.exemplars) {
    append_exemplar(exemplar, exemplars_[exemplar.series]);
  }
}

std::string MetricsToOtlp::take_exemplars(const MetricSeries& series) {
  const auto found = exemplars_.find(&series);
  return found != exemplars_.end() ? std::exchange(found->second, {}) : std::string();
}

void MetricsToOtlp::add_row(const MetricBatch& batch, uint32_t row) {
  const MetricSeries& series = *batch.series[row];
  read_head(series, As::row, *config_, head_);
  if (head_.name == kTargetInfo) {
    std::string attributes;
    for (const Label& label : EncodedLabels(series.encoded_labels)) {
      if (label.name != "__name__" && label.name != "job" && label.name != "instance" &&
          !config_->resource_labels.contains(std::string(label.name))) {
        otlp::append_text_attribute(attributes, otlp::resource::kAttributes, label.name,
                                    label.value);
      }
    }
    tree_.add_to_resource(head_, attributes);
  } else if (head_.role == Role::value) {
    const MetricType type = type_of(series);
    // A row that is none of its histogram's own has no type of its own.
    const bool is_own = type != MetricType::histogram && type != MetricType::summary &&
                        type != MetricType::gauge_histogram;
    add_number(batch, row, kind_of(type), is_own ? type : MetricType::unknown);
  } else {
    add_to_group(batch, row);
  }
}

void MetricsToOtlp::add_number(const MetricBatch& batch, uint32_t row, Kind kind, MetricType type) {
  const MetricSeries& series = *batch.series[row];
  const MetricTree::Place place = tree_.find(head_, kind, type, series.family);
  const std::string exemplars = kind == Kind::counter ? take_exemplars(series) : std::string();
  point_.clear();
  encode_number({head_.attributes, batch.timestamps[row],
                 kind == Kind::counter ? created_of(batch, row) : 0, exemplars},
                batch.values[row], point_);
  tree_.add_point(place, point_);
  tree_.add_rows(place, 1);
}

void MetricsToOtlp::add_to_group(const MetricBatch& batch, uint32_t row) {
  const MetricSeries& series = *batch.series[row];
  const MetricType type = type_of(series);
  const Kind kind = type == MetricType::summary ? Kind::summary : Kind::histogram;
  const MetricTree::Place place = tree_.find(head_, kind, type, series.family);
  std::string key = head_.attributes;
  for (const auto number : {static_cast<uint64_t>(place.resource), uint64_t{place.scope},
                            uint64_t{place.metric}, static_cast<uint64_t>(batch.timestamps[row])}) {
    otlp::append_fixed64(key, 1, number);
  }
  const auto [found, is_new] =
      group_by_key_.try_emplace(std::move(key), static_cast<uint32_t>(groups_.size()));
  if (is_new) {
    Group& made = groups_.emplace_back();
    made.place = place;
    made.kind = kind;
    made.attributes = head_.attributes;
    made.time_ms = batch.timestamps[row];
    made.created_ms = created_of(batch, row);
  }
  Group& group = groups_[found->second];
  group.rows.push_back(row);
  const uint64_t bits = batch.values[row];
  switch (head_.role) {
    case Role::sum:
      group.values.sum = bits;
      break;
    case Role::count:
      group.values.count = bits;
      break;
    case Role::bucket:
    case Role::quantile:
      group.values.bounds.emplace_back(head_.bound, bits);
      group.exemplars += take_exemplars(series);
      break;
    case Role::value:
      break;
  }
}

void MetricsToOtlp::finish_group(const MetricBatch& batch, Group& group) {
  const PointHead head{group.attributes, group.time_ms, group.created_ms, group.exemplars};
  point_.clear();
  const bool whole = group.kind == Kind::histogram ? encode_histogram(head, group.values, point_)
                                                   : encode_summary(head, group.values, point_);
  if (whole) {
    tree_.add_point(group.place, point_);
    tree_.add_rows(group.place, static_cast<uint32_t>(group.rows.size()));
    return;
  }
  for (const uint32_t row : group.rows) {
    read_head(*batch.series[row], As::single, *config_, head_);
    add_number(batch, row, Kind::gauge, MetricType::unknown);
  }
}

const char* MetricsToOtlp::add_native(const HistogramRow& row) {
  const bool is_custom = row.histogram->schema == common::prom::kCustomBuckets;
  read_head(*row.series, is_custom ? As::custom : As::native, *config_, head_);
  const std::string exemplars = take_exemplars(*row.series);
  point_.clear();
  if (const char* why = encode_native({head_.attributes, row.timestamp, row.created, exemplars},
                                      *row.histogram, point_)) {
    return why;
  }
  const Kind kind = is_custom ? Kind::histogram : Kind::exponential;
  const MetricTree::Place place =
      tree_.find(head_, kind, MetricType::histogram, row.series->family);
  tree_.add_point(place, point_);
  tree_.add_rows(place, 1);
  return nullptr;
}

Weight MetricsToOtlp::take_weight(const MetricBatch& batch, uint32_t rows) noexcept {
  const uint32_t from = std::exchange(weighed_, weighed_ + rows);
  return batch.weight_of(from, weighed_);
}

void MetricsToOtlp::push(const MetricBatch& batch, Next& next) {
  std::vector<std::string> messages(tree_.resources());
  std::vector<std::string_view> resources;
  std::vector<uint32_t> records;
  std::vector<uint32_t> source_bytes;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Weight weight = take_weight(batch, tree_.rows(i));
    tree_.encode(i, messages[i]);
    if (messages[i].empty()) {
      next.filtered(weight);
      continue;
    }
    resources.push_back(messages[i]);
    records.push_back(static_cast<uint32_t>(weight.records));
    source_bytes.push_back(static_cast<uint32_t>(weight.bytes));
  }
  if (resources.empty()) {
    return;
  }
  OtlpBatch out(Signal::metrics);
  out.receipt = batch.receipt;
  out.size = static_cast<uint32_t>(resources.size());
  out.resources = resources.data();
  out.records = records.data();
  out.source_bytes = source_bytes.data();
  next.push(out);
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
constexpr const BatchType* kTo[] = {&OtlpBatch::kMetrics};
}  // namespace

}  // namespace tailrace::converters::metrics_to_otlp

namespace tailrace {

extern const PluginDescriptor converters_metrics_to_otlp_plugin;
// NOLINTNEXTLINE(cert-err58-cpp): it is made at compile time
constinit const PluginDescriptor converters_metrics_to_otlp_plugin =
    define_converter<converters::metrics_to_otlp::MetricsToOtlp,
                     converters::metrics_to_otlp::MetricsToOtlpConfig>(
        {.name = "metrics_to_otlp",
         .summary = "Makes OpenTelemetry's metrics of Prometheus's series and samples.",
         .signals = converters::metrics_to_otlp::kSignals,
         .from = &MetricBatch::kType,
         .to = converters::metrics_to_otlp::kTo,
         .growth = 3},
        converters::metrics_to_otlp::metrics_to_otlp_schema);

}  // namespace tailrace
