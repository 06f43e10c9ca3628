#include "testkit/samples.h"

#include <map>

#include <fmt/format.h>

#include "tailrace/log_batch.h"

namespace tailrace::testkit {

namespace {

LogRecord line(std::string body, int64_t timestamp = 1'700'000'000'000'000'000) {
  LogRecord record;
  record.body = std::move(body);
  record.timestamp = timestamp;
  return record;
}

std::vector<LogRecord> lines(const std::vector<std::string>& bodies) {
  std::vector<LogRecord> records;
  for (const std::string& body : bodies) {
    records.push_back(line(body, 1'700'000'000'000'000'000 + static_cast<int64_t>(records.size())));
  }
  return records;
}

}  // namespace

Sample log_sample(std::string name, std::map<std::string, std::string> labels,
                  std::vector<LogRecord> records) {
  return {std::move(name), [labels = std::move(labels), records = std::move(records)](
                               ManualLane& lane, const std::function<void(Batch&)>& use) {
            LogBatchOf made(lane.labels(), lane.arena(), labels, records);
            use(made.batch());
          }};
}

Samples log_samples() {
  const std::map<std::string, std::string> web = {
      {"namespace", "shop"}, {"pod", "web-0"}, {"container", "web"}, {"stream", "stdout"}};
  const std::map<std::string, std::string> odd = {{"a", "\"quoted\\\" \n"}, {"b", "ü\xff"}};

  LogRecord rich = line(R"({"level":50,"msg":"no","err":{"code":7}})");
  rich.severity = Severity::error;
  rich.metadata = {{"trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"}, {"empty", ""}};
  LogRecord joined = line("first\n  second\n  third");
  joined.weight = {3, 120};
  LogRecord child = line("the second half of a line that was split");
  child.weight = {0, 0};
  LogRecord first_child = line("the first half");
  first_child.weight = {1, 60};

  return {
      log_sample("lines", web, lines({"GET / 200", "level=info msg=\"started\"", "E0102 klog] x"})),
      log_sample("JSON", web,
                 lines({R"({"level":30,"time":1700000000123,"msg":"hello","n":1.5})",
                        R"({"level":"warn","msg":"nested","a":{"b":[1,2,{"c":null}]}})", "{}"})),
      log_sample("nothing", web, {}),
      log_sample("empty lines", web, lines({"", "", ""})),
      log_sample("one empty line", odd, lines({""})),
      log_sample("garbage", odd,
                 lines({std::string("\0\x01\xff\xfe{\"", 6), "{\"level\":", "\xc3", "[[[[[[[[",
                        std::string(300, '\xf0'), "{\"a\":\"\\ud800\"}"})),
      log_sample("a long line", web, {line(std::string(200'000, 'x'))}),
      log_sample("metadata", web, {rich, line("plain"), rich}),
      log_sample("joined and split", web, {joined, first_child, child, line("after")}),
      log_sample("no labels", {}, lines({"alone"})),
      log_sample("equal ones", web, {line("same", 5), line("same", 5), line("same", 5)}),
  };
}

std::string describe_logs(const Batch& batch) {
  const auto* logs = batch_cast<LogBatch>(batch);
  if (logs == nullptr) {
    return fmt::format("a batch of type {}", batch.type().name);
  }
  std::string text;
  for (const LogRecord& record : copy_records(*logs)) {
    for (const auto& [name, value] : record.labels) {
      text += fmt::format("{}={:?} ", name, value);
    }
    text += fmt::format("| {} | {} | {:?}", record.timestamp, static_cast<int>(record.severity),
                        record.body);
    for (const auto& [name, value] : record.metadata) {
      text += fmt::format(" {:?}={:?}", name, value);
    }
    text += fmt::format(" | {} {}\n", record.weight.records, record.weight.bytes);
  }
  return text;
}

}  // namespace tailrace::testkit
