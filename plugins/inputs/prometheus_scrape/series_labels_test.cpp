#include "plugins/inputs/prometheus_scrape/series_labels.h"

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/inputs/prometheus_scrape/report_series.h"

using namespace tailrace;
using namespace tailrace::common::prom;
using namespace tailrace::inputs::prometheus_scrape;
using namespace std::chrono_literals;

namespace {

std::string text(std::span<const Label> labels) {
  std::string out;
  for (const Label& label : labels) {
    out += std::string(out.empty() ? "" : ",") + std::string(label.name) + "=" +
           std::string(label.value);
  }
  return out;
}

struct Scene {
  ScrapeConfig job;
  StringMap external;
  LabelPairs target_labels = {{"instance", "a:1"}, {"job", "node"}};

  /// The final labels, or "dropped".
  std::string make(const std::vector<Label>& scraped) {
    auto target = std::make_shared<Target>();
    target->labels = target_labels;
    SeriesLabels labels(job, external, target);
    LabelBuilder builder;
    return labels.make(scraped, builder) ? text(builder.labels()) : "dropped";
  }
};

RelabelConfig drop_rule(const char* label, const char* pattern) {
  RelabelConfig rule;
  rule.action = RelabelAction::drop;
  rule.source_labels = {label};
  rule.regex = RelabelRegex::compile(pattern).value();
  return rule;
}

}  // namespace

TEST_CASE("SeriesLabels: the target's labels are added") {
  CHECK(Scene().make({{"__name__", "up_time"}, {"cpu", "0"}}) ==
        "__name__=up_time,cpu=0,instance=a:1,job=node");
}

TEST_CASE("SeriesLabels: scraped labels make way for the target's, and keep their value") {
  Scene scene;
  CHECK(scene.make({{"__name__", "m"}, {"job", "own"}}) ==
        "__name__=m,exported_job=own,instance=a:1,job=node");
  CHECK(scene.make({{"__name__", "m"}, {"exported_job", "x"}, {"job", "own"}}) ==
        "__name__=m,exported_exported_job=own,exported_job=x,instance=a:1,job=node");
  // Empty ones are as good as none.
  CHECK(scene.make({{"__name__", "m"}, {"job", ""}}) == "__name__=m,instance=a:1,job=node");
}

TEST_CASE("SeriesLabels: shorter names make way first") {
  Scene scene;
  scene.target_labels = {{"exported_job", "t2"}, {"job", "t1"}};
  CHECK(scene.make({{"__name__", "m"}, {"exported_job", "s2"}, {"job", "s1"}}) ==
        "__name__=m,exported_exported_exported_job=s2,exported_exported_job=s1,exported_job=t2,"
        "job=t1");
}

TEST_CASE("SeriesLabels: with honor_labels scraped labels stay, empty ones too") {
  Scene scene;
  scene.job.honor_labels = true;
  CHECK(scene.make({{"__name__", "m"}, {"job", "own"}}) == "__name__=m,instance=a:1,job=own");
  CHECK(scene.make({{"__name__", "m"}, {"job", ""}}) == "__name__=m,instance=a:1");
}

TEST_CASE("SeriesLabels: metric relabeling sees the target's labels; external ones come last") {
  Scene scene;
  scene.job.metric_relabel_configs = {drop_rule("job", "no.*"), drop_rule("region", "eu")};
  CHECK(scene.make({{"__name__", "m"}}) == "dropped");
  scene.target_labels = {{"job", "db"}};
  scene.external = {{"job", "never"}, {"region", "eu"}};
  CHECK(scene.make({{"__name__", "m"}}) == "__name__=m,job=db,region=eu");
}

TEST_CASE("ReportSeries: five series, eight with extra_scrape_metrics, with the target's labels") {
  ScrapeConfig job;
  job.sample_limit = 100;
  Target target;
  target.labels = {{"instance", "a:1"}, {"job", "node"}};
  target.timeout = 2500ms;
  LabelBuilder builder;
  Arena arena;
  const StringMap external = {{"region", "eu"}};
  for (const bool extra : {false, true}) {
    job.extra_scrape_metrics = extra;
    const ReportSeries series(job, external, target, builder);
    MetricBatch batch;
    ScrapeReport report{.timestamp_ms = 5,
                        .up = true,
                        .duration_seconds = 0.25,
                        .scraped = 12,
                        .post_relabel = 11,
                        .added = 3,
                        .body_bytes = 999};
    series.fill(batch, report, arena);
    std::vector<std::string> rows;
    size_t bytes = 0;
    for (uint32_t i = 0; i < batch.size; ++i) {
      const std::string_view encoded = batch.series[i]->encoded_labels;
      CHECK(batch.series[i]->hash == series_hash(encoded));
      CHECK(batch.timestamps[i] == 5);
      bytes += encoded.size();
      std::vector<Label> labels;
      for (const Label& label : EncodedLabels(encoded)) {
        labels.push_back(label);
      }
      CHECK(text(labels).ends_with(",instance=a:1,job=node,region=eu"));
      rows.push_back(std::string(labels[0].value) + " " +
                     std::to_string(std::bit_cast<double>(batch.values[i])));
    }
    std::vector<std::string> expected = {
        "up 1.000000", "scrape_duration_seconds 0.250000", "scrape_samples_scraped 12.000000",
        "scrape_samples_post_metric_relabeling 11.000000", "scrape_series_added 3.000000"};
    if (extra) {
      expected.insert(expected.end(),
                      {"scrape_timeout_seconds 2.500000", "scrape_sample_limit 100.000000",
                       "scrape_body_size_bytes 999.000000"});
    }
    CHECK(rows == expected);
    CHECK(series.encoded_bytes() >= bytes);
    report.stale = true;
    series.fill(batch, report, arena);
    for (uint32_t i = 0; i < batch.size; ++i) {
      CHECK(batch.values[i] == kStaleNan);
    }
  }
}
