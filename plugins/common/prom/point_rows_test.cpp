#include "plugins/common/prom/point_rows.h"

#include <doctest/doctest.h>

#include "plugins/common/prom/metric_batch_of_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;
using common::prom::test::LabelMap;
using common::prom::test::MetricBatchOf;

namespace {

const MetricFamily kHistogram{"h", MetricType::histogram, "", ""};
const MetricFamily kGauge{"g", MetricType::gauge, "", ""};

MetricSeries& part_of(MetricBatchOf& batch, const MetricFamily& family, const LabelMap& labels) {
  MetricSeries& series = batch.series(labels);
  series.family = &family;
  return series;
}

}  // namespace

TEST_CASE("are_of_one_point: one family, the same labels but for name, le and quantile") {
  MetricBatchOf batch;
  const auto& sum = part_of(batch, kHistogram, {{"__name__", "h_sum"}, {"a", "1"}, {"z", "2"}});
  const auto& bucket =
      part_of(batch, kHistogram, {{"__name__", "h_bucket"}, {"a", "1"}, {"le", "5"}, {"z", "2"}});
  CHECK(are_of_one_point(sum, bucket));
  CHECK(are_of_one_point(bucket, sum));
  CHECK(!are_of_one_point(
      sum, part_of(batch, kHistogram, {{"__name__", "h_sum"}, {"a", "1"}, {"z", "3"}})));
  CHECK(!are_of_one_point(sum, part_of(batch, kHistogram, {{"__name__", "h_count"}, {"a", "1"}})));
  CHECK(!are_of_one_point(part_of(batch, kHistogram, {{"__name__", "h_count"}}), sum));
  const auto& gauge = part_of(batch, kGauge, {{"__name__", "g"}});
  CHECK(!are_of_one_point(gauge, gauge));
  MetricSeries unknown;
  unknown.encoded_labels = sum.encoded_labels;
  CHECK(!are_of_one_point(unknown, unknown));
}
