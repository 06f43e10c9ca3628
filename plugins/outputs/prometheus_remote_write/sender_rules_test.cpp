// The rules for senders of remote write 1.0 and 2.0 that show in one request and its answer; each
// test has its rule's name. Those about several requests are in tests/e2e.

#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "plugins/outputs/prometheus_remote_write/output_test.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::outputs::prometheus_remote_write::test;  // NOLINT: likewise
using Kind = Answer::Kind;

namespace {

testkit::SealedRequest request_of(Bench& bench, int samples = 3) {
  MetricBatchOf batch;
  for (int i = 0; i < samples; ++i) {
    batch.sample({{"__name__", "m"}, {"i", std::to_string(i)}}, 5, i);
  }
  bench->append(batch.batch());
  auto requests = bench->seal();
  REQUIRE(requests.size() == 1);
  return std::move(requests[0]);
}

Answer answer_to(Bench& bench, const testkit::SealedRequest& request, int status,
                 Headers headers = {}) {
  return bench->output().read_answer(request.view(), bench.answer(status, std::move(headers)));
}

std::string header(const Call& call, std::string_view name) {
  for (const auto& [key, value] : call.headers) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

Call call_of(Bench& bench, uint32_t attempt = 0) {
  const auto request = request_of(bench);
  Call call;
  bench->output().describe_call(request.view(attempt), call);
  return call;
}

Headers written(int samples) {
  return {{"x-prometheus-remote-write-samples-written", std::to_string(samples)}};
}

}  // namespace

TEST_CASE("rule 1.0: the sender must send the headers of the protocol") {
  Bench bench;
  const Call call = call_of(bench);
  CHECK(call.method == "POST");
  CHECK(header(call, "Content-Encoding") == "snappy");
  CHECK(header(call, "Content-Type") == "application/x-protobuf");
  CHECK(header(call, "X-Prometheus-Remote-Write-Version") == "0.1.0");
}

TEST_CASE("rule 2.0: the sender must name the message in Content-Type, and the version") {
  Bench bench(kV2);
  const Call call = call_of(bench);
  CHECK(header(call, "Content-Encoding") == "snappy");
  CHECK(header(call, "Content-Type") ==
        "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  CHECK(header(call, "X-Prometheus-Remote-Write-Version") == "2.0.0");
}

TEST_CASE("rule: retries carry Retry-Attempt, the first try does not") {
  Bench bench;
  CHECK(header(call_of(bench), "Retry-Attempt") == "");
  CHECK(header(call_of(bench, 3), "Retry-Attempt") == "3");
}

TEST_CASE("rule: the sender must retry on 5xx") {
  Bench bench;
  const auto request = request_of(bench);
  for (const int status : {500, 501, 502, 503, 504, 599}) {
    CHECK(answer_to(bench, request, status).kind == Kind::retry);
  }
}

TEST_CASE("rule: the sender must retry when no answer came") {
  Bench bench;
  const auto request = request_of(bench);
  CallResult none;
  none.transport = fail(ErrorCode::timeout, "no answer");
  CHECK(bench->output().read_answer(request.view(), none).kind == Kind::retry);
}

TEST_CASE("rule: the sender must not retry on 4xx other than 429") {
  Bench bench;
  const auto request = request_of(bench);
  for (int status = 400; status < 500; ++status) {
    CAPTURE(status);
    const Kind kind = answer_to(bench, request, status).kind;
    if (status == 413) {
      CHECK(kind == Kind::too_large);  // other, smaller requests are made of it
    } else if (status == 429) {
      CHECK(kind == Kind::retry);
    } else {
      // A 400 may be some samples' fault: those of one source and age are never sent twice.
      CHECK(kind == (status == 400 ? Kind::blame_source : Kind::refused));
    }
  }
}

TEST_CASE("rule: 429 may be retried, which is an option") {
  Bench bench("queue_config: {retry_on_http_429: false}\n");
  CHECK(answer_to(bench, request_of(bench), 429).kind == Kind::refused);
}

TEST_CASE("rule: Retry-After is honoured, in seconds and as a date") {
  Bench bench;
  const auto request = request_of(bench);
  for (const int status : {429, 503}) {
    CHECK(answer_to(bench, request, status, {{"retry-after", "7"}}).retry_after ==
          std::chrono::seconds(7));
  }
  const Answer dated =
      answer_to(bench, request, 503, {{"retry-after", "Fri, 31 Dec 2100 23:59:59 GMT"}});
  CHECK(dated.retry_after > std::chrono::seconds(60));
}

TEST_CASE("rule: a refused request of one source and age has nothing to be taken apart into") {
  for (const char* version : {"", kV2}) {
    Bench bench(version);
    const auto request = request_of(bench);
    const auto rework = bench->output().rework(request.view(), ReworkReason::blame_source);
    REQUIRE(rework);
    CHECK(rework->bodies.size() == 1);  // which the sender takes for a refusal
  }
}

TEST_CASE("rule: samples of a request that was refused may be tried by source, once") {
  Bench bench;
  MetricBatchOf batch;
  batch.sample({{"__name__", "a"}}, 1, 1);
  bench->append(batch.batch());
  bench->append(batch.batch());
  const auto requests = bench->seal();
  REQUIRE(requests[0].parts.size() == 2);
  CHECK(answer_to(bench, requests[0], 400).kind == Kind::blame_source);
  CHECK(answer_to(bench, requests[0], 404).kind == Kind::refused);
}

TEST_CASE("rule: what is taken apart by age weighs what it came of, which target_info does not") {
  constexpr int64_t kMinute = 60'000;
  constexpr int64_t kNow = 1'000'000 * kMinute;
  Bench bench;
  MetricBatchOf points;
  for (const char* name : {"a", "b", "c"}) {
    points.sample({{"__name__", name}}, kNow, 1);
  }
  points.sample({{"__name__", "old"}}, kNow - 300 * kMinute, 1);
  for (int64_t minute = 300; minute >= 0; minute -= 3) {
    points.sample({{"__name__", "target_info"}, {"job", "shop"}}, kNow - minute * kMinute, 1);
  }
  points.batch().source_records = 4;
  bench->append(points.batch());
  const auto requests = bench->seal();
  const auto rework = bench->output().rework(requests[0].view(), ReworkReason::blame_source);
  REQUIRE(rework);
  std::vector<uint64_t> records;
  for (const ReworkedBody& body : rework->bodies) {
    records.push_back(body.parts[0].weight.records);
  }
  CHECK(records == std::vector<uint64_t>{1, 0, 0, 0, 0, 3});
}

TEST_CASE("rule: what is too old for a server takes nothing else of its request with it") {
  for (const char* version : {"", kV2}) {
    CAPTURE(std::string(version));
    constexpr int64_t kHour = 3'600'000;
    constexpr int64_t kNow = 1000 * kHour;
    Bench bench(version);
    MetricBatchOf page;
    page.sample({{"__name__", "a"}}, kNow, 1);
    page.sample({{"__name__", "of_yesterday"}}, kNow - 24 * kHour, 2);
    page.sample({{"__name__", "b"}}, kNow, 3);
    page.sample({{"__name__", "a_bit_old"}}, kNow - kHour / 2, 4);
    page.sample({{"__name__", "c"}}, kNow, 5);
    MetricBatchOf other;
    other.sample({{"__name__", "d"}}, kNow, 6);
    bench->append(page.batch());
    bench->append(other.batch());
    const auto requests = bench->seal();
    const auto rework = bench->output().rework(requests[0].view(), ReworkReason::blame_source);
    REQUIRE(rework);
    std::vector<std::vector<std::string>> bodies;
    Weight left;
    for (const PartRange& part : requests[0].parts) {
      left += part.weight;
    }
    for (const ReworkedBody& body : rework->bodies) {
      bodies.push_back(records_of(static_cast<WriteVersion>(body.format_version),
                                  uncompressed(body.payload.view())));
      REQUIRE(body.parts.size() == 1);
      CHECK(body.parts[0].weight.records == bodies.back().size());
      left -= body.parts[0].weight;
    }
    REQUIRE(bodies.size() == 4);
    CHECK(bodies[0][0].starts_with("{__name__=of_yesterday}"));
    CHECK(bodies[1][0].starts_with("{__name__=a_bit_old}"));
    CHECK(bodies[2].size() == 3);
    CHECK(bodies[3][0].starts_with("{__name__=d}"));
    CHECK(left == Weight());
  }
}

TEST_CASE("rule 2.0: what 1.0 cannot say is refused by count when a request becomes 1.0") {
  static const double kBounds[] = {0.5, 1};
  NativeHistogram custom;
  custom.schema = common::prom::kCustomBuckets;
  custom.custom_values = kBounds;
  Bench bench(kV2);
  MetricBatchOf mixed;
  mixed.sample({{"__name__", "a"}}, 1, 1);
  mixed.histogram({{"__name__", "h"}}, 1, custom);
  MetricBatchOf only;
  only.histogram({{"__name__", "i"}}, 1, custom);
  bench->append(mixed.batch());
  bench->append(only.batch());
  const auto requests = bench->seal();
  const auto rework = bench->output().rework(requests[0].view(), ReworkReason::unknown_format);
  REQUIRE(rework);
  REQUIRE(rework->bodies.size() == 1);
  const auto sent = records_of(WriteVersion::v1, uncompressed(rework->bodies[0].payload.view()));
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].starts_with("{__name__=a}"));
  REQUIRE(rework->refused.size() == 2);
  Weight sum = rework->bodies[0].parts[0].weight;
  for (const auto& refused : rework->refused) {
    CHECK(refused.reason == "custom_buckets");
    CHECK(refused.weight.records == 1);
    sum += refused.weight;
  }
  CHECK(sum == requests[0].parts[0].weight + requests[0].parts[1].weight);

  // And where nothing is left, nothing is sent.
  Bench alone(kV2);
  alone->append(only.batch());
  const auto all = alone->seal();
  const auto nothing = alone->output().rework(all[0].view(), ReworkReason::unknown_format);
  REQUIRE(nothing);
  CHECK(nothing->bodies.empty());
  CHECK(nothing->refused.size() == 1);
}

TEST_CASE("rule 2.0: on 415 the sender falls back to 1.0 and remembers") {
  Bench bench(kV2);
  const auto request = request_of(bench);
  CHECK(request.format_version == 2);
  CHECK(answer_to(bench, request, 415).kind == Kind::unknown_format);
  CHECK(request_of(bench).format_version == 1);
  CHECK(header(call_of(bench), "X-Prometheus-Remote-Write-Version") == "0.1.0");
  // What was sealed before goes on in 1.0, nothing missing.
  const auto rework = bench->output().rework(request.view(), ReworkReason::unknown_format);
  REQUIRE(rework);
  REQUIRE(rework->bodies.size() == 1);
  CHECK(rework->bodies[0].format_version == 1);
  CHECK(records_of(WriteVersion::v1, uncompressed(rework->bodies[0].payload.view())) ==
        records_of(WriteVersion::v2, uncompressed(request.payload.view())));
}

TEST_CASE("rule 2.0: a success without any written header is no success") {
  Bench bench(kV2);
  const auto request = request_of(bench);
  CHECK(answer_to(bench, request, 204).kind == Kind::unknown_format);
  CHECK(request_of(bench).format_version == 1);
}

TEST_CASE("rule 2.0: no fallback on a success with written headers") {
  Bench bench(kV2);
  const auto request = request_of(bench);
  for (const int status : {200, 202, 204}) {
    CHECK(answer_to(bench, request, status, written(3)).kind == Kind::delivered);
  }
  CHECK(request_of(bench).format_version == 2);
}

TEST_CASE("rule 2.0: a partial write is not retried; what was written counts as delivered") {
  Bench bench(kV2);
  const auto request = request_of(bench);
  const Answer partly = answer_to(bench, request, 400, written(2));
  CHECK(partly.kind == Kind::partly);
  CHECK(partly.refused == 1);
  CHECK(answer_to(bench, request, 400, written(0)).kind == Kind::refused);
}

TEST_CASE("rule 2.0: what a partial write leaves out is told in the sources' records") {
  Bench bench(kV2);
  MetricBatchOf batch;
  for (int i = 0; i < 10; ++i) {
    batch.sample({{"__name__", "m"}, {"i", std::to_string(i)}}, 5, i);
  }
  batch.batch().source_records = 2;  // two data points of five rows each
  bench->append(batch.batch());
  const auto requests = bench->seal();
  REQUIRE(requests.size() == 1);
  CHECK(answer_to(bench, requests[0], 400, written(9)).refused == 1);
  CHECK(answer_to(bench, requests[0], 400, written(5)).refused == 1);
  CHECK(answer_to(bench, requests[0], 400, written(4)).refused == 2);
  CHECK(answer_to(bench, requests[0], 400, written(4)).kind == Kind::partly);
  CHECK(answer_to(bench, requests[0], 400, written(0)).kind == Kind::refused);
  CHECK(answer_to(bench, requests[0], 400, written(10)).kind == Kind::delivered);
}

TEST_CASE("rule 2.0: a partial write with 5xx is retried as a whole") {
  Bench bench(kV2);
  CHECK(answer_to(bench, request_of(bench), 500, written(2)).kind == Kind::retry);
}

TEST_CASE("rule 1.0: 415 has nothing to fall back to") {
  Bench bench;
  CHECK(answer_to(bench, request_of(bench), 415).kind == Kind::refused);
}

TEST_CASE("rule 2.0: symbols begin with the empty one and hold no text twice") {
  Bench bench(kV2);
  const std::string body = uncompressed(request_of(bench, 50).payload.view());
  std::vector<std::string> symbols;
  for (size_t at = 0; at < body.size() && body[at] == '\x22';) {
    const auto length = static_cast<size_t>(body[at + 1]);
    symbols.push_back(body.substr(at + 2, length));
    at += 2 + length;
  }
  REQUIRE(symbols.size() > 50);
  CHECK(symbols[0].empty());
  std::sort(symbols.begin(), symbols.end());
  CHECK(std::adjacent_find(symbols.begin(), symbols.end()) == symbols.end());
}
