#include "plugins/outputs/loki/loki.h"

#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/snappy.h"
#include "codec/utf8.h"
#include "plugins/outputs/loki/loki_test.h"
#include "testkit/processor_bench.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::loki::BodyCompression;
using outputs::loki::LokiConfig;
using outputs::loki::LokiOutput;
using outputs::loki::test::entries_of;
using outputs::loki::test::Entry;
using outputs::loki::test::LokiBench;
using outputs::loki::test::uncompressed;
using testkit::LogRecord;
using Labels_ = std::map<std::string, std::string>;

namespace {

/// The one request that came of it.
testkit::SealedRequest only(std::vector<testkit::SealedRequest> sealed) {
  REQUIRE(sealed.size() == 1);
  return std::move(sealed[0]);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

/// Labels of the only stream that comes of a label set.
std::string label_string(const LokiConfig& config, const Labels_& labels) {
  LokiBench bench(config);
  bench->append(labels, {{.body = "x"}});
  return entries_of(only(bench->seal()).payload.view()).at(0).labels;
}

}  // namespace

TEST_CASE("LokiOutput: the bytes that the protobuf library writes") {
  // Made with Python's protobuf library from push.proto's messages: two streams, the entries of
  // the first from two batches with the other stream's between them.
  LokiBench bench;
  bench->append({{"q", "\"x\\\n"}, {"app", "api"}}, {{.body = "a", .timestamp = 1}});
  bench->append({{"b", "2"}}, {{.body = "ccc", .timestamp = 1'000'000'000'000'000'003}});
  bench->append({{"app", "api"}, {"q", "\"x\\\n"}},
                {{.body = "bb", .timestamp = 2, .metadata = {{"trace", "t1"}}}});
  const auto request = only(bench->seal());
  CHECK(
      hex(uncompressed(request.payload.view())) ==
      "0a3a0a187b6170703d22617069222c20713d225c22785c5c5c6e227d12070a02100112016112150a021002120262"
      "621a0b0a057472616365120274310a1a0a077b623d2232227d120f0a08088094ebdc0310031203636363");
}

TEST_CASE("LokiOutput: parts tell where their entries lie") {
  for (const auto compression : {BodyCompression::snappy, BodyCompression::none}) {
    LokiBench bench(LokiConfig{.compression = compression});
    bench->append({{"app", "a"}}, {{.body = "first"}, {.body = "second"}});
    bench->append({{"app", "b"}}, {{.body = "third"}});
    bench->append({{"app", "a"}}, {{.body = "fourth"}});
    const auto request = only(bench->seal());
    const std::string body = uncompressed(request.payload.view());
    REQUIRE(request.parts.size() == 3);
    const auto text = [&](size_t i) {
      return body.substr(request.parts[i].offset, request.parts[i].length);
    };
    for (size_t i = 0; i < 3; ++i) {
      CHECK(text(i).starts_with("\x12"));
    }
    CHECK(text(0).ends_with("second"));
    CHECK(text(0).find("first") != std::string::npos);
    CHECK(text(1).ends_with("third"));
    CHECK(text(2).ends_with("fourth"));
    CHECK(request.parts[2].offset == request.parts[0].offset + request.parts[0].length);
    CHECK(request.parts[0].weight == Weight{2, 13});
  }
}

TEST_CASE("LokiOutput: a body is as good as new after its seal") {
  LokiBench bench;
  for (int round = 0; round < 3; ++round) {
    for (const char* app : {"a", "b"}) {
      bench->append({{"app", app}}, {{.body = std::string(app) + std::to_string(round)}});
    }
    const auto entries = entries_of(only(bench->seal()).payload.view());
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].labels == R"({app="a"})");
    CHECK(entries[0].line == "a" + std::to_string(round));
    CHECK(entries[1].line == "b" + std::to_string(round));
  }
  CHECK(bench->seal().empty());
}

TEST_CASE("LokiOutput: the same batches give the same bytes") {
  const auto run = [] {
    LokiBench bench;
    for (int i = 0; i < 50; ++i) {
      bench->append(
          {{"app", std::to_string(i % 7)}},
          {{.body = "line " + std::to_string(i), .timestamp = i, .severity = Severity::warn},
           {.body = "gr\xc3\xbcn \xff", .timestamp = i}});
    }
    return std::string(only(bench->seal()).payload.view());
  };
  CHECK(run() == run());
}

TEST_CASE("LokiOutput: names and values that Loki takes") {
  const LokiConfig plain;
  CHECK(label_string(plain, {{"app.kubernetes.io/name", "x"}, {"9", "y"}}) ==
        R"({_9="y", app_kubernetes_io_name="x"})");
  CHECK(label_string(plain, {{"a.b", "first"}, {"a_b", "second"}}) == R"({a_b="first"})");
  CHECK(label_string(plain, {{"a", "x\xff"}}) == "{a=\"x\xef\xbf\xbd\"}");
  CHECK(label_string(plain, {}) == R"({service_name="unknown_service"})");
}

TEST_CASE("LokiOutput: external labels fill in, they do not replace") {
  const LokiConfig config{.labels = {{"cluster", "prod"}, {"app", "default"}}};
  CHECK(label_string(config, {{"app", "api"}}) == R"({app="api", cluster="prod"})");
  CHECK(label_string(config, {{"z", "1"}}) == R"({app="default", cluster="prod", z="1"})");
}

TEST_CASE("LokiOutput: a request for each tenant, named by a label") {
  LokiBench bench(LokiConfig{.tenant = "rest", .tenant_label = "team"});
  bench->append({{"app", "a"}, {"team", "red"}}, {{.body = "1"}});
  bench->append({{"app", "a"}, {"team", "bl/ue\r\nX-Evil: 1"}}, {{.body = "2"}});
  bench->append({{"app", "a"}}, {{.body = "3"}});
  bench->append({{"team", ".."}}, {{.body = "4"}});
  std::map<std::string, std::vector<Entry>> by_tenant;
  for (const auto& request : bench->seal()) {
    by_tenant[request.tenant] = entries_of(request.payload.view());
  }
  REQUIRE(by_tenant.size() == 4);
  CHECK(by_tenant["red"].at(0).labels == R"({app="a"})");
  CHECK(by_tenant["bl_ue__X-Evil__1"].at(0).line == "2");
  CHECK(by_tenant["rest"].at(0).line == "3");
  CHECK(by_tenant["_."].at(0).labels == R"({service_name="unknown_service"})");
}

TEST_CASE("LokiOutput: severity is sent as detected_level, unless the record has one") {
  const std::vector<LogRecord> records = {
      {.body = "a", .severity = Severity::error},
      {.body = "b"},
      {.body = "c", .severity = static_cast<Severity>(10), .metadata = {{"k", "v"}}},
      {.body = "d", .severity = Severity::fatal, .metadata = {{"detected_level", "critical"}}},
      {.body = "e", .severity = static_cast<Severity>(200)}};
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const auto metadata = [&](const LokiConfig& config) {
    LokiBench bench(config);
    bench->append({{"app", "a"}}, records);
    std::vector<Pairs> out;
    for (const Entry& entry : entries_of(only(bench->seal()).payload.view())) {
      out.push_back(entry.metadata);
    }
    return out;
  };
  CHECK(metadata({}) == std::vector<Pairs>{{{"detected_level", "error"}},
                                           {},
                                           {{"detected_level", "info"}, {"k", "v"}},
                                           {{"detected_level", "critical"}},
                                           {}});
  CHECK(metadata({.detected_level = false}) ==
        std::vector<Pairs>{{}, {}, {{"k", "v"}}, {{"detected_level", "critical"}}, {}});
  CHECK(metadata({.structured_metadata = false}) == std::vector<Pairs>(5));
}

TEST_CASE("LokiOutput: metadata for whose name Loki refuses the request is left out") {
  using Pairs = decltype(LogRecord::metadata);
  LokiBench bench;
  bench->append({{"app", "a"}},
                {{.body = "x", .metadata = {{"_", "1"}, {"good", "2"}, {"", "3"}, {"_b", "4"}}},
                 {.body = "y", .metadata = {{"\u65e5\u672c", "5"}}},
                 {.body = "z", .metadata = {{"good", "6"}}}});
  const auto entries = entries_of(only(bench->seal()).payload.view());
  REQUIRE(entries.size() == 3);
  CHECK(Pairs(entries[0].metadata) == Pairs{{"good", "2"}, {"_b", "4"}});
  CHECK(entries[1].metadata.empty());
  CHECK(entries[1].line == "y");
  CHECK(Pairs(entries[2].metadata) == Pairs{{"good", "6"}});
  CHECK(testkit::counter_value(bench->registry(), "output_unnamed_metadata_total") == 3);
}

TEST_CASE("LokiOutput: text that is not UTF-8 is repaired, and nothing around it is touched") {
  LokiBench bench;
  std::mt19937 random(9);
  std::vector<LogRecord> records;
  for (int i = 0; i < 2000; ++i) {
    std::string body(random() % 200, 'x');
    for (size_t bad = random() % 3 == 0 ? random() % 100 : 0; bad > 0 && !body.empty(); --bad) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    LogRecord& record = records.emplace_back();
    record.body = i % 10 == 0 ? "grün 😀 " + std::string(20, 'a') : body;
    record.timestamp = i;
    if (i % 7 == 0) {
      record.metadata = {{"key\xfe", "v" + body}};
    }
  }
  bench->append({{"app", "a"}}, records);
  const auto entries = entries_of(only(bench->seal()).payload.view());
  REQUIRE(entries.size() == records.size());
  const auto repaired = [](const std::string& text) {
    std::string out;
    codec::append_valid_utf8(out, text);
    return out;
  };
  for (size_t i = 0; i < records.size(); ++i) {
    REQUIRE(entries[i].line == repaired(records[i].body));
    REQUIRE(entries[i].timestamp == static_cast<int64_t>(i));
    if (i % 7 == 0) {
      REQUIRE(entries[i].metadata.at(0).first == "key\xef\xbf\xbd");
      REQUIRE(entries[i].metadata.at(0).second == repaired(records[i].metadata[0].second));
    }
  }
}

TEST_CASE("LokiOutput: a batch larger than a request becomes several, in order") {
  LokiBench bench({}, 4096);
  std::vector<LogRecord> records;
  for (int i = 0; i < 300; ++i) {
    records.push_back({.body = std::string(static_cast<size_t>(i % 100), 'x') + std::to_string(i),
                       .timestamp = i,
                       .metadata = i % 2 == 0 ? decltype(LogRecord::metadata){{"k", "v"}}
                                              : decltype(LogRecord::metadata){}});
  }
  records[150].body = std::string(10'000, 'y');  // larger than a request all by itself
  bench->append({{"app", "a"}}, records);
  const auto sealed = bench->seal();
  CHECK(sealed.size() > 3);
  int64_t next = 0;
  for (const auto& request : sealed) {
    const auto entries = entries_of(request.payload.view());
    CHECK((uncompressed(request.payload.view()).size() <= 4096 || entries.size() == 1));
    for (const Entry& entry : entries) {
      CHECK(entry.timestamp == next);
      CHECK(entry.line == records[static_cast<size_t>(next)].body);
      ++next;
    }
  }
  CHECK(next == 300);
}

TEST_CASE("LokiOutput: memory of requests is kept while there is work, and then given back") {
  LokiBench bench;
  auto& output = static_cast<LokiOutput&>(bench->output());
  const auto work = [&] {
    bench->append({{"app", "a"}}, {{.body = std::string(500'000, 'x')}});
    bench->seal();
  };
  work();
  CHECK(output.idle_bytes() > 500'000);
  for (int i = 0; i < 5; ++i) {
    bench->lane().advance(std::chrono::seconds(4));
    work();
    CHECK(output.idle_bytes() > 500'000);
  }
  bench->lane().advance(std::chrono::seconds(15));
  CHECK(output.idle_bytes() == 0);
  work();
  CHECK(output.idle_bytes() > 500'000);
}

TEST_CASE("LokiOutput: label sets take what was kept with them along when they go") {
  LokiBench bench;
  for (int i = 0; i < 100; ++i) {
    bench->append({{"pod", std::to_string(i)}}, {{.body = "x"}});
  }
  CHECK(bench->lane().labels().size() == 0);
  // The open request has its own copy of what it needs.
  CHECK(entries_of(only(bench->seal()).payload.view()).size() == 100);
}

TEST_CASE("LokiOutput: the call, and the way to the answer") {
  LokiBench bench(LokiConfig{.url = "https://logs.example/loki/api/v1/push",
                             .tenant = "red",
                             .timeout = std::chrono::milliseconds(1500)});
  bench->append({{"app", "a"}}, {{.body = "x"}, {.body = "y"}, {.body = "z"}});
  const auto request = only(bench->seal());
  bench.played->answer.status = 204;
  const auto delivered = bench->send(request);
  REQUIRE(delivered);
  CHECK(delivered->kind == Answer::Kind::delivered);
  const Call& call = bench.played->call;
  CHECK(call.method == "POST");
  CHECK(call.url == "https://logs.example/loki/api/v1/push");
  CHECK(call.timeout == std::chrono::milliseconds(1500));
  CHECK(call.headers ==
        Headers{{"Content-Type", "application/x-protobuf"}, {"X-Scope-OrgID", "red"}});
  CHECK(bench.played->body == request.payload.view());

  bench.played->answer.status = 400;
  bench.played->answer.body = "total ignored: 2 out of 3 for stream: {}";
  const auto partly = bench->send(request);
  REQUIRE(partly);
  CHECK(partly->kind == Answer::Kind::partly);
  CHECK(partly->refused == 2);

  bench.played->answer.body = "rejected by rule 17";
  bench->append({{"app", "a"}}, {{.body = "x"}});
  bench->append({{"app", "b"}}, {{.body = "y"}});
  const auto blamed = bench->send(only(bench->seal()));
  REQUIRE(blamed);
  CHECK(blamed->kind == Answer::Kind::blame_source);

  bench.played->answer = {};
  bench.played->answer.status = 401;
  CHECK_FALSE(bench->send(request)->tenant_only);
  bench.played->answer.status = 429;
  bench.played->answer.headers = {{"retry-after", "Fri, 02 Jan 2026 03:54:05 GMT"}};
  CHECK(bench->send(request)->retry_after > std::chrono::seconds(60));

  LokiBench single;
  single->append({{"app", "a"}}, {{.body = "x"}});
  single.played->answer.status = 204;
  REQUIRE(single->send(only(single->seal())));
  CHECK(single.played->call.headers == Headers{{"Content-Type", "application/x-protobuf"}});
}
