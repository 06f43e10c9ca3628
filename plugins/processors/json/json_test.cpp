#include "plugins/processors/json/json.h"

#include <doctest/doctest.h>

#include "testkit/config_text.h"
#include "testkit/processor_bench.h"

namespace tailrace {
extern const PluginDescriptor processors_json_plugin;
}

using namespace tailrace;
using namespace tailrace::processors::json;
using tailrace::testkit::bodies_of;
using tailrace::testkit::LogRecord;
using tailrace::testkit::ProcessorBench;
using tailrace::testkit::read_config;
using Lines = std::vector<std::string>;
using Set = std::map<std::string, std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

ProcessorBench bench(std::string_view yaml) {
  auto read = read_config<JsonConfig>(json_schema(), yaml);
  CHECK(read.errors() == Lines{});
  return ProcessorBench(processors_json_plugin, read.config);
}

Lines errors(std::string_view yaml) {
  return read_config<JsonConfig>(json_schema(), yaml).errors();
}

}  // namespace

TEST_CASE("json: by default finds the severity and changes nothing else") {
  auto subject = bench("{}");
  const Lines lines = {"plain", R"({"level":"warn","msg":"m"})", R"({"level":"warn)", ""};
  const auto out = subject.run_lines(lines);
  CHECK(bodies_of(out) == lines);
  CHECK(out[0].severity == Severity::unset);
  CHECK(out[1].severity == Severity::warn);
  CHECK(out[2].severity == Severity::unset);
  CHECK(out[1].metadata.empty());
  CHECK(out[1].timestamp == 2);
  CHECK(subject.batches() == 1);
  CHECK(subject.count("json_parsed_total") == 1);
  CHECK(subject.count("json_malformed_total") == 1);
  CHECK(subject.count("json_other_total") == 2);
}

TEST_CASE("json: a severity that is known already stays when the line has none") {
  auto subject = bench("{}");
  const auto out = subject.run({}, {{.body = R"({"msg":"m"})", .severity = Severity::error},
                                    {.body = R"({"level":"info"})", .severity = Severity::error}});
  CHECK(out[0].severity == Severity::error);
  CHECK(out[1].severity == Severity::info);
}

TEST_CASE("json: fields become structured metadata") {
  auto subject =
      bench("metadata: {trace: trace_id, status: http.status}\nseverity: {metadata: sev}");
  const auto out = subject.run(
      {}, {{.body = R"({"level":"info","trace_id":"t1","http":{"status":200}})"},
           {.body = R"({"trace_id":"a\tb"})"},
           {.body = "plain", .metadata = {{"old", "1"}}},
           {.body = R"({"trace_id":"new"})", .metadata = {{"old", "1"}, {"trace", "2"}}},
           {.body = R"({"trace_id":""})"}});
  CHECK(out[0].metadata == Pairs{{"status", "200"}, {"trace", "t1"}, {"sev", "info"}});
  CHECK(out[1].metadata == Pairs{{"trace", "a\tb"}});
  CHECK(out[2].metadata == Pairs{{"old", "1"}});
  CHECK(out[3].metadata == Pairs{{"trace", "new"}, {"old", "1"}});
  CHECK(out[4].metadata.empty());
}

TEST_CASE("json: fields become labels, records of one set stay in order") {
  auto subject = bench("labels: {app: service.name}\nseverity: {label: level}");
  const auto out = subject.run_lines({R"({"level":"info","service":{"name":"a"},"n":1})", "plain 1",
                                      R"({"level":"error","service":{"name":"a"}})",
                                      R"({"level":"info","service":{"name":"a"},"n":2})",
                                      R"({"level":"info","service":{"name":"b"}})", "plain 2",
                                      R"({"service":{"name":["no scalar"]}})"},
                                     {{"pod", "p"}});
  CHECK(subject.batches() == 4);
  REQUIRE(out.size() == 7);
  // Records without values stay with the stream as it was.
  CHECK(out[0].labels == Set{{"pod", "p"}});
  CHECK(out[0].body == "plain 1");
  CHECK(out[1].body == "plain 2");
  CHECK(out[2].timestamp == 7);
  CHECK(out[3].labels == Set{{"pod", "p"}, {"app", "a"}, {"level", "info"}});
  CHECK(out[3].timestamp == 1);
  CHECK(out[4].timestamp == 4);
  CHECK(out[5].labels == Set{{"pod", "p"}, {"app", "a"}, {"level", "error"}});
  CHECK(out[6].labels == Set{{"pod", "p"}, {"app", "b"}, {"level", "info"}});
  CHECK(subject.count("json_label_sets_total") == 4);
}

TEST_CASE("json: a batch of one label set is passed on as one, and a label may be replaced") {
  auto subject = bench("labels: {app: app}\nseverity: {enabled: false}");
  const auto out = subject.run_lines({R"({"app":"new","n":1})", R"({"n":2,"app":"new"})"},
                                     {{"app", "old"}, {"pod", "p"}});
  CHECK(subject.batches() == 1);
  CHECK(out[1].labels == Set{{"app", "new"}, {"pod", "p"}});
  const auto second = subject.run_lines({"plain"}, {{"app", "old"}});
  CHECK(second[0].labels == Set{{"app", "old"}});
}

TEST_CASE("json: what records carry goes with them through a split") {
  auto subject = bench("labels: {k: k}\nmetadata: {m: m}");
  std::vector<LogRecord> records;
  for (int i = 0; i < 100; ++i) {
    records.push_back(
        {.body = R"({"k":"v)" + std::to_string(i % 7) + R"(","m":)" + std::to_string(i) +
                 R"(,"level":"error"})",
         .timestamp = i,
         .weight = {static_cast<uint64_t>(1 + i % 3), static_cast<uint64_t>(50 + i)}});
  }
  const auto out = subject.run({{"pod", "p"}}, records);
  CHECK(subject.batches() == 7);
  REQUIRE(out.size() == 100);
  std::map<std::string, int64_t> last;
  for (const LogRecord& record : out) {
    const int64_t i = record.timestamp;
    CHECK(record.labels.at("k") == "v" + std::to_string(i % 7));
    CHECK(record.metadata == Pairs{{"m", std::to_string(i)}});
    CHECK(record.severity == Severity::error);
    CHECK(record.weight == records[static_cast<size_t>(i)].weight);
    CHECK(record.body == records[static_cast<size_t>(i)].body);
    auto [at, first] = last.emplace(record.labels.at("k"), i);
    CHECK((first || at->second < i));
    at->second = i;
  }
}

TEST_CASE("json: a label with very many values works all the same, and nothing stays behind") {
  auto subject = bench("labels: {id: id}");
  Lines lines;
  for (int i = 0; i < 3000; ++i) {
    lines.push_back(R"({"id":)" + std::to_string(i % 1500) + "}");
  }
  const auto out = subject.run_lines(lines);
  CHECK(subject.batches() == 1500);
  CHECK(out.size() == 3000);
  CHECK(subject.count("json_label_sets_total") == 1500);
  CHECK(subject.lane().labels().size() == 0);
}

TEST_CASE("json: values that a label or metadata cannot hold are left out and counted") {
  auto subject = bench("labels: {l: l}\nmetadata: {m: m}");
  const std::string label(2049, 'x');
  const std::string metadata(16 * 1024 + 1, 'x');
  const auto out = subject.run_lines({R"({"l":")" + label + R"(","m":")" + metadata + R"("})"});
  CHECK(out[0].labels == Set{{"app", "a"}});
  CHECK(out[0].metadata.empty());
  CHECK(subject.count("json_values_too_long_total") == 2);
}

TEST_CASE("json: the timestamp may come from a field; one that cannot be read is counted") {
  auto subject = bench("timestamp: {field: time}");
  const auto out = subject.run_lines({R"({"time":"2026-01-02T03:04:05.5Z"})",
                                      R"({"time":1767323045.25})", R"({"time":1767323045123})",
                                      R"({"time":"yesterday"})", R"({"msg":"none"})", "plain"});
  CHECK(out[0].timestamp == 1767323045'500'000'000);
  CHECK(out[1].timestamp == 1767323045'250'000'000);
  CHECK(out[2].timestamp == 1767323045'123'000'000);
  CHECK(out[3].timestamp == 4);
  CHECK(out[4].timestamp == 5);
  CHECK(out[5].timestamp == 6);
  CHECK(subject.count("json_bad_timestamps_total") == 2);

  const std::pair<const char*, int64_t> units[] = {
      {"unix", 5'000'000'000}, {"unix_ms", 5'000'000}, {"unix_us", 5'000}, {"unix_ns", 5}};
  for (const auto& [format, ns] : units) {
    auto unit = bench("timestamp: {field: t, format: " + std::string(format) + "}");
    CHECK(unit.run_lines({"x", R"({"t":5})"})[1].timestamp == ns);
  }
  auto strict = bench("timestamp: {field: t, format: rfc3339}");
  CHECK(strict.run_lines({R"({"t":5})"})[0].timestamp == 1);
}

TEST_CASE("json: message_only makes the line the message, unescaped") {
  auto subject = bench("message_only: true\nmetadata: {user: user}");
  const auto out = subject.run_lines({R"({"level":"info","user":"u","msg":"hello"})",
                                      R"({"message":"a\n\"b\""})", R"({"msg":""})",
                                      R"({"text":"other"})", "plain"});
  CHECK(bodies_of(out) == Lines{"hello", "a\n\"b\"", "", R"({"text":"other"})", "plain"});
  CHECK(out[0].metadata == Pairs{{"user", "u"}});
  CHECK(out[0].severity == Severity::info);
  CHECK(out[1].weight == Weight{1, 23});
}

TEST_CASE("json: malformed lines may be dropped, which is counted") {
  auto subject = bench("on_error: drop");
  const auto out = subject.run_lines({"plain", "{\"a\":", R"({"level":"warn"})", "{x}"});
  CHECK(bodies_of(out) == Lines{"plain", R"({"level":"warn"})"});
  CHECK(out[1].severity == Severity::warn);
  CHECK(out[1].timestamp == 3);
  CHECK(subject.filtered() == Weight{2, 10});
  CHECK(subject.run_lines({"{"}).empty());
  CHECK(subject.batches() == 0);
}

TEST_CASE(
    "json: the same records give the same result whatever came before, however they are cut") {
  const char* const yaml = "labels: {k: k}\nmetadata: {m: m}\ntimestamp: {field: t}";
  Lines lines;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    lines.push_back(i % 5 == 0 ? "plain " + n
                               : R"({"k":")" + std::to_string(i * 7 % 40) + R"(","m":"\u0041)" + n +
                                     R"(","t":)" + n + R"(,"level":30})");
  }
  auto whole = bench(yaml);
  std::map<std::string, LogRecord> wanted;
  for (auto& record : whole.run_lines(lines)) {
    record.timestamp = 0;  // of plain lines: their place in the batch
    wanted[record.body] = record;
  }
  auto pieces = bench(yaml);
  for (size_t i = 0; i < lines.size(); i += 11) {
    const Lines piece(lines.begin() + static_cast<ptrdiff_t>(i),
                      lines.begin() + static_cast<ptrdiff_t>(std::min(i + 11, lines.size())));
    for (auto& record : pieces.run_lines(piece)) {
      record.timestamp = 0;
      CHECK(record == wanted.at(record.body));
    }
  }
}

TEST_CASE("json: configs that cannot work are refused with their place") {
  CHECK(errors("labels: {a-b: c}").size() == 1);
  CHECK(errors("labels: {a: c..d}").size() == 1);
  CHECK(errors("metadata: {a: \"\"}").size() == 1);
  CHECK(errors("metadata: {_: a}").size() == 1);  // Loki takes no such name
  CHECK(errors("severity: {metadata: __}").size() == 1);
  CHECK(errors("labels: {_: a}\nmetadata: {_a: a}").empty());
  CHECK(errors("timestamp: {format: auto}").size() == 1);
  CHECK(errors("timestamp: {field: t, format: iso}").size() == 1);
  CHECK(errors("severity: {fields: [a.]}").size() == 1);
  CHECK(errors("severity: {label: 0x}").size() == 1);
  CHECK(errors("severity: {numbers: java}").size() == 1);
  CHECK(errors("message_only: true\nmessage_fields: []").size() == 1);
  CHECK(errors("labels: {level: l}\nseverity: {label: level}").size() == 1);
  CHECK(errors("metadata: {level: l}\nseverity: {metadata: level}").size() == 1);
  CHECK(errors("on_error: stop").size() == 1);
  const auto nested = errors("labels: {b: http.status}\nmetadata: {a: http}");
  REQUIRE(nested.size() == 1);
  CHECK(nested[0].find("2:") != std::string::npos);
  CHECK(nested[0].find("http.status") != std::string::npos);
  CHECK(errors("labels: {b: https.status}\nmetadata: {a: http}").empty());

  std::string many = "metadata:\n";
  for (size_t i = 0; i <= kMaxFields; ++i) {
    many += "  m" + std::to_string(i) + ": f\n";
  }
  CHECK(errors(many).size() == 1);
}
