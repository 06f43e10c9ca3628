#include "plugins/outputs/prometheus_remote_write/output_test.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::outputs::prometheus_remote_write::test;  // NOLINT: likewise
using Texts = std::vector<std::string>;

namespace {

NativeHistogram native() {
  static const BucketSpan kSpans[] = {{-2, 2}, {3, 1}};
  static const int64_t kDeltas[] = {1, -1, 5};
  NativeHistogram h;
  h.count = 12;
  h.sum = 3.5;
  h.schema = -3;
  h.zero_threshold = 0.001;
  h.zero_count = 2;
  h.positive_spans = kSpans;
  h.positive_deltas = kDeltas;
  h.negative_spans = std::span<const BucketSpan>(kSpans).first(1);
  h.negative_deltas = std::span<const int64_t>(kDeltas).first(2);
  h.reset_hint = NativeHistogram::ResetHint::no;
  return h;
}

std::string bytes_of(MetricBatchOf& batch, const std::string& yaml) {
  Bench bench(yaml);
  bench->append(batch.batch());
  const auto requests = bench->seal();
  REQUIRE(requests.size() == 1);
  return uncompressed(requests[0].payload.view());
}

}  // namespace

TEST_CASE("remote write 1.0: the bytes of a request, by hand") {
  MetricBatchOf batch;
  batch.sample({{"__name__", "up"}, {"job", "n"}}, 1700000000123, 1.0);
  batch.sample({{"__name__", "x"}}, -1, 0.0);
  using namespace std::string_literals;
  const std::string up =
      "\x0a\x0e\x0a\x08__name__\x12\x02up"s
      "\x0a\x08\x0a\x03job\x12\x01n"s
      "\x12\x10\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xfb\xd0\x95\xff\xbc\x31"s;
  const std::string x =
      "\x0a\x0d\x0a\x08__name__\x12\x01x"s
      "\x12\x14\x09\x00\x00\x00\x00\x00\x00\x00\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  CHECK(bytes_of(batch, "") ==
        "\x0a"s + static_cast<char>(up.size()) + up + "\x0a"s + static_cast<char>(x.size()) + x);
}

TEST_CASE("remote write 2.0: the bytes of a request, by hand") {
  MetricBatchOf batch;
  batch.sample({{"__name__", "up"}, {"job", "n"}}, 1, 1.0, 5);
  batch.sample({{"__name__", "up"}, {"job", "m"}}, 1, 1.0);
  batch.family({{"__name__", "up"}, {"job", "n"}}, {"up", MetricType::gauge, "help", ""});
  using namespace std::string_literals;
  // symbols: 0 "", 1 __name__, 2 up, 3 job, 4 n, 5 help, 6 m
  const std::string symbols =
      "\x22\x00\x22\x08__name__\x22\x02up\x22\x03job\x22\x01n\x22\x04help\x22\x01m"s;
  const std::string sample = "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x01"s;
  const std::string first =
      "\x0a\x04\x01\x02\x03\x04\x12\x0d"s + sample + "\x18\x05"s + "\x2a\x04\x08\x02\x18\x05"s;
  const std::string second = "\x0a\x04\x01\x02\x03\x06\x12\x0b"s + sample;
  CHECK(bytes_of(batch, kV2) == symbols + "\x2a"s + static_cast<char>(first.size()) + first +
                                    "\x2a"s + static_cast<char>(second.size()) + second);
}

TEST_CASE("remote write: stale markers and other NaNs keep their bits") {
  for (const char* options : {"", kV2}) {
    MetricBatchOf batch;
    batch.bits({{"__name__", "a"}}, 7, kStaleNan).bits({{"__name__", "b"}}, 7, kNormalNan);
    Bench bench(options);
    CHECK(bench.records(batch) ==
          Texts{"{__name__=a} 7ff0000000000002 @7", "{__name__=b} 7ff8000000000001 @7"});
  }
}

TEST_CASE("remote write: samples of one series in a row share a TimeSeries") {
  for (const char* options : {"", kV2}) {
    MetricBatchOf batch;
    batch.sample({{"__name__", "a"}}, 1, 1).sample({{"__name__", "a"}}, 200, 2);
    batch.sample({{"__name__", "a"}}, 30000, 3).sample({{"__name__", "b"}}, 1, 1);
    Bench bench(options);
    bench->append(batch.batch());
    const auto requests = bench->seal();
    REQUIRE(requests.size() == 1);
    common::prom::WriteReader reader;
    const auto version = static_cast<WriteVersion>(requests[0].format_version);
    const auto totals = reader.check(version, uncompressed(requests[0].payload.view()));
    REQUIRE(totals);
    CHECK(totals->series == 2);
    CHECK(totals->samples == 4);
  }
}

TEST_CASE("remote write: histograms, exemplars and created times arrive whole") {
  MetricBatchOf batch;
  batch.sample({{"__name__", "a_total"}}, 10, 1, 3);
  batch.sample({{"__name__", "b"}}, 10, 2);
  batch.histogram({{"__name__", "h"}}, 10, native(), 4);
  batch.exemplar({{"__name__", "h"}}, {{"trace_id", "t2"}}, 0.5, 9);
  batch.exemplar({{"__name__", "a_total"}}, {{"trace_id", "t1"}, {"z", "y"}}, 1.5, 0);
  batch.exemplar({{"__name__", "gone"}}, {{"trace_id", "t3"}}, 2.5, 8);
  batch.family({{"__name__", "a_total"}}, {"a", MetricType::counter, "Of a.", "things"});
  const std::string h = common::prom::test::text_of(native());

  Bench v1("send_exemplars: true\nsend_native_histograms: true\n");
  CHECK(v1.records(batch) == Texts{"{__name__=a_total} 3ff0000000000000 @10 # "
                                   "{trace_id=t1,z=y} 1.5 10",
                                   "{__name__=b} 4000000000000000 @10",
                                   "{__name__=h} " + h + " @10 # {trace_id=t2} 0.5 9",
                                   "{__name__=gone} # {trace_id=t3} 2.5 8"});
  Bench v2(std::string(kV2) + "send_exemplars: true\n");
  CHECK(v2.records(batch, true) ==
        Texts{"{__name__=a_total} (counter|Of a.|things) 3ff0000000000000 @10 from 3 # "
              "{trace_id=t1,z=y} 1.5 10",
              "{__name__=b} 4000000000000000 @10",
              "{__name__=h} " + h + " @10 from 4 # {trace_id=t2} 0.5 9",
              "{__name__=gone} # {trace_id=t3} 2.5 8"});
  // By default 1.0 sends neither, as Prometheus.
  Bench plain;
  CHECK(plain.records(batch) ==
        Texts{"{__name__=a_total} 3ff0000000000000 @10", "{__name__=b} 4000000000000000 @10"});
  CHECK(plain->filtered_weight() == batch.batch().weight_of(2, 3));
}

TEST_CASE("remote write: custom buckets need 2.0") {
  static const double kBounds[] = {0.5, 1};
  NativeHistogram custom = native();
  custom.schema = common::prom::kCustomBuckets;
  custom.custom_values = kBounds;
  MetricBatchOf batch;
  batch.histogram({{"__name__", "h"}}, 10, custom);
  batch.histogram({{"__name__", "i"}}, 10, native());
  const std::string h = common::prom::test::text_of(custom);
  const std::string i = common::prom::test::text_of(native());
  Bench v1("send_native_histograms: true\n");
  CHECK(v1.records(batch) == Texts{"{__name__=i} " + i + " @10"});
  CHECK(v1->filtered_weight() == batch.batch().weight_of(0, 1));
  Bench v2(kV2);
  CHECK(v2.records(batch) == Texts{"{__name__=h} " + h + " @10", "{__name__=i} " + i + " @10"});
}

TEST_CASE("remote write: external labels, relabeling and the tenant's label") {
  const char* options = R"(
external_labels: {cluster: lab, job: outer}
tenant: others
tenant_label: team
write_relabel_configs:
  - {source_labels: [__name__], regex: "go_.*", action: drop}
  - {source_labels: [cluster, job], separator: "-", target_label: where}
)";
  MetricBatchOf batch;
  batch.sample({{"__name__", "a"}, {"job", "n"}}, 1, 1);
  batch.sample({{"__name__", "go_threads"}, {"job", "n"}}, 1, 1);
  batch.sample({{"__name__", "b"}, {"team", "x"}}, 1, 1);
  for (int i = 0; i < 2; ++i) {  // the second time from what was kept
    Bench bench(options);
    CHECK(bench.records(batch) ==
          Texts{"others: {__name__=a,cluster=lab,job=n,where=lab-n} 3ff0000000000000 @1",
                "x: {__name__=b,cluster=lab,job=outer,where=lab-outer} 3ff0000000000000 @1"});
    CHECK(bench->filtered_weight().records == 1);
  }
}

TEST_CASE("remote write: with shards each series stays in one, in order") {
  for (const char* options : {"", kV2}) {
    Bench bench(options, 1 << 20, 4);
    MetricBatchOf batch;
    for (int time = 1; time <= 3; ++time) {
      for (int i = 0; i < 500; ++i) {
        batch.sample({{"__name__", "m"}, {"i", std::to_string(i)}}, time, i);
      }
    }
    bench->append(batch.batch());
    const auto requests = bench->seal();
    CHECK(requests.size() == 4);
    std::map<std::string, Texts> times;
    size_t records = 0;
    for (const auto& request : requests) {
      std::map<std::string, bool> here;
      for (const std::string& text : records_of(static_cast<WriteVersion>(request.format_version),
                                                uncompressed(request.payload.view()))) {
        const std::string series = text.substr(0, text.find('}'));
        here[series] = true;
        times[series].push_back(text.substr(text.find('@')));
        ++records;
      }
      CHECK(here.size() > 80);
    }
    CHECK(records == 1500);
    for (const auto& [series, seen] : times) {
      CHECK(seen == Texts{"@1", "@2", "@3"});
    }
  }
}

TEST_CASE("remote write: large batches come in requests of batch.bytes, nothing missing") {
  for (const char* options : {"", kV2}) {
    Bench bench(options, 64 * 1024);
    MetricBatchOf batch;
    for (int i = 0; i < 5000; ++i) {
      batch.sample({{"__name__", "m"}, {"i", fmt::format("value number {}", i)}}, 5, i);
    }
    bench->append(batch.batch());
    const auto requests = bench->seal();
    CHECK(requests.size() >= 3);
    size_t records = 0;
    for (const auto& request : requests) {
      const std::string body = uncompressed(request.payload.view());
      CHECK(body.size() <= 64 * 1024);
      records += records_of(static_cast<WriteVersion>(request.format_version), body).size();
    }
    CHECK(records == 5000);
  }
}

TEST_CASE("remote write: max_samples_per_send") {
  for (const uint32_t most : {1U, 7U, 1000U, 2000U, 3000U}) {
    Bench bench(fmt::format("queue_config: {{max_samples_per_send: {}}}\n", most));
    MetricBatchOf batch;
    for (int i = 0; i < 5000; ++i) {
      batch.sample({{"__name__", "m"}, {"i", std::to_string(i)}}, 5, i);
    }
    bench->append(batch.batch());
    size_t records = 0;
    for (const auto& request : bench->seal()) {
      const size_t here = records_of(WriteVersion::v1, uncompressed(request.payload.view())).size();
      CHECK(here <= most);
      records += here;
    }
    CHECK(records == 5000);
  }
}

TEST_CASE("remote write 1.0: metadata goes along once an interval, and when it changed") {
  Bench bench("metadata_config: {send_interval: 1m}\n");
  const auto metadata = [&bench](MetricBatchOf& batch) {
    bench->append(batch.batch());
    std::string text;
    common::prom::WriteReader reader;
    for (const auto& request : bench->seal()) {
      reader.read_metadata(uncompressed(request.payload.view()), [&](const auto& family) {
        text += fmt::format("{}:{}:{}:{} ", family.family_name, to_string(family.type), family.help,
                            family.unit);
      });
    }
    return text;
  };
  MetricBatchOf batch;
  batch.sample({{"__name__", "a"}}, 1, 1).sample({{"__name__", "a"}, {"x", "y"}}, 1, 1);
  batch.sample({{"__name__", "b"}}, 1, 1);
  const MetricFamily a{"a", MetricType::counter, "Of a.", "seconds"};
  batch.family({{"__name__", "a"}}, a).family({{"__name__", "a"}, {"x", "y"}}, a);
  CHECK(metadata(batch) == "a:counter:Of a.:seconds ");
  CHECK(metadata(batch) == "");
  bench->lane().advance(std::chrono::seconds(61));
  CHECK(metadata(batch) == "a:counter:Of a.:seconds ");
}

TEST_CASE("remote write: random batches come back as they were, by every way") {
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    MetricBatchOf batch;
    const int rows = 1 + static_cast<int>(random() % 300);
    for (int i = 0; i < rows; ++i) {
      common::prom::test::LabelMap labels{{"__name__", fmt::format("m{}", random() % 9)}};
      for (uint32_t l = random() % 5; l > 0; --l) {
        labels[fmt::format("l{}", random() % 7)] = std::string(1 + random() % 200, 'v');
      }
      batch.bits(labels, static_cast<int64_t>(i) - 5, (uint64_t{random()} << 32) | random());
    }
    Texts expected;
    for (uint32_t i = 0; i < batch.batch().size; ++i) {
      std::vector<Label> labels;
      for (const Label& label : EncodedLabels(batch.batch().series[i]->encoded_labels)) {
        labels.push_back(label);
      }
      expected.push_back(fmt::format("{} {:x} @{}", common::prom::test::text_of(labels),
                                     batch.batch().values[i], batch.batch().timestamps[i]));
    }
    for (const std::string& options :
         {std::string(), std::string(kV2), std::string("tenant_label: nobody\n")}) {
      Bench bench(options, 32 * 1024);
      CHECK(bench.records(batch) == expected);
    }
    std::sort(expected.begin(), expected.end());
    Bench sharded("", 32 * 1024, 3);
    Texts got = sharded.records(batch);
    std::sort(got.begin(), got.end());
    CHECK(got == expected);
  }
}
