// The component contract, asserted; and the input with the output behind it, as a gateway is.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "plugins/common/otlp/otlp_samples_test.h"
#include "plugins/common/otlp/service.h"
#include "testkit/crash_fs.h"
#include "testkit/http_clients.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor inputs_otlp_plugin;
}

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp::test;  // NOLINT: likewise
using testkit::EngineBench;
using testkit::FakeAnswer;
using testkit::FakeServer;

namespace {

const Headers kProtobuf = {{"content-type", "application/x-protobuf"}};
const Headers kJson = {{"content-type", "application/json"}};

std::string body_of(int number) {
  const Proto span =
      span_of(number % 100 + 1, fmt::format("span {}.", number))
          .message(
              common::otlp::span::kAttributes,
              attribute("pad", string_value(testkit::noise(static_cast<uint32_t>(number), 12000))));
  return request_of_resources({resource_message("shop", {scope_of("x", {span})})}).bytes();
}

std::vector<int> numbers_of(std::string_view payload) {
  std::vector<int> numbers;
  for (const std::string& record : records_of(Signal::traces, payload)) {
    numbers.push_back(std::stoi(record.substr(record.find("span ") + 5)));
  }
  return numbers;
}

const PluginDescriptor* const kOtlpPlugins[] = {&inputs_otlp_plugin, &outputs_otlp_plugin};
constexpr const char* kOtlpGateway = R"(
inputs:
  in: {type: otlp, http: {listen: "127.0.0.1:0", cors: {allowed_origins: ["*"]}}}
outputs:
  out: {type: otlp, endpoint: "http://tempo:4318", compression: none}
pipelines:
  t: {signal: traces, inputs: [in], outputs: [out]}
  l: {signal: logs, inputs: [in], outputs: [out]}
)";

/// A gateway whose server answers as told.
class Gateway {
 public:
  explicit Gateway(FakeServer::Behaviour behaviour = nullptr)
      : bench(kOtlpGateway, kOtlpPlugins, disk_) {
    bench.server().behaviour = behaviour != nullptr ? std::move(behaviour) : [](const auto&) {
      return FakeServer::status(200);
    };
  }
  std::shared_ptr<const FakeAnswer> post(std::string_view body, const Headers& headers = kProtobuf,
                                         std::string path = "/v1/traces") {
    return bench.net().listeners().post(std::move(path), body, headers);
  }
  /// Posts, and waits for the answer.
  FakeAnswer answer_to(std::string_view body, const Headers& headers = kProtobuf,
                       std::string path = "/v1/traces") {
    const auto answer = post(body, headers, std::move(path));
    REQUIRE(bench.until([&] { return answer->status != 0; }));
    return *answer;
  }

 private:
  testkit::CrashFs disk_;

 public:
  EngineBench bench;
};

}  // namespace

TEST_CASE("otlp input: keeps the component contract") {
  // Each exports a span.
  testkit::HttpClients clients("/v1/traces", kProtobuf, body_of);
  const testkit::PluginHarness harness(inputs_otlp_plugin,
                                       "http: {listen: \"127.0.0.1:0\"}\nreply_timeout: 5m");
  harness.check_options();
  testkit::InputSubject subject;
  subject.output = "{type: otlp, endpoint: \"http://out\", compression: none}";
  subject.others = {&outputs_otlp_plugin};
  subject.signal = Signal::traces;
  clients.serve(subject);
  subject.taken = [](const FakeServer& server) {
    return testkit::taken_numbers(server, numbers_of);
  };
  subject.many = 250;
  harness.check_input(subject);
}

TEST_CASE("otlp input: bytes pass as they are, bad ids do not") {
  Gateway gateway;
  const Proto bad = Proto().text(common::otlp::span::kName, "no ids");
  const auto request = [](std::initializer_list<Proto> spans) {
    return request_of_resources({resource_message("a", {scope_of("x", spans)})}).bytes();
  };
  const FakeAnswer clean = gateway.answer_to(request({span_of(1)}));
  CHECK(clean.status == 200);
  CHECK(clean.body.empty());
  CHECK(gateway.bench.server().seen.back().body == request({span_of(1)}));
  const FakeAnswer mixed = gateway.answer_to(request({span_of(1), bad, span_of(2)}));
  CHECK(mixed.status == 200);
  const auto partial = common::otlp::decode_response(mixed.body);
  REQUIRE(partial);
  CHECK(partial->rejected == 1);
  CHECK(gateway.bench.server().seen.back().body == request({span_of(1), span_of(2)}));
  const size_t calls = gateway.bench.server().seen.size();
  CHECK(common::otlp::decode_response(gateway.answer_to(request({bad})).body)->rejected == 1);
  CHECK(gateway.bench.server().seen.size() == calls);
  CHECK(gateway.bench.stop());
}

TEST_CASE("otlp input: errors come as a status in the request's form") {
  Gateway gateway;
  const FakeAnswer broken = gateway.answer_to("\x0a\x7f");
  CHECK(broken.status == 400);
  CHECK(common::otlp::decode_status(broken.body)->code == 3);
  const FakeAnswer json = gateway.answer_to("{\"resourceSpans\":1}", kJson);
  CHECK(json.status == 400);
  CHECK(json.body.starts_with("{\"code\":3,\"message\":\"ExportTraceServiceRequest.resourceSpans"));
  CHECK(gateway.answer_to("x", {{"content-type", "text/plain"}}).status == 415);
  CHECK(gateway.answer_to("x", {{"content-type", "application/json"}, {"content-encoding", "br"}})
            .status == 415);
  CHECK(gateway.answer_to("{}", kJson, "/v1/nothing").status == 404);
  const FakeAnswer lost = gateway.answer_to(
      request_of_resources(
          {resource_message(
              "a", {scope_of("x", {gauge_of("m", Proto().message(1, number_point_of(1)))})})})
          .bytes(),
      kProtobuf, "/v1/metrics");
  CHECK(lost.status == 400);
  CHECK(common::otlp::decode_status(lost.body)->message.find("no pipeline") != std::string::npos);
  CHECK(gateway.bench.stop());
}

TEST_CASE("otlp gateway: a refusal reaches the client that it is for, and no other") {
  Gateway gateway([](const FakeServer::Seen& seen) {
    const auto numbers = numbers_of(seen.body);
    return FakeServer::status(std::count(numbers.begin(), numbers.end(), 13) != 0 ? 400 : 200);
  });
  const auto first = gateway.post(body_of(1));
  const auto good = gateway.post(body_of(2));
  const auto bad = gateway.post(body_of(13));
  REQUIRE(gateway.bench.until([&] { return first->status * good->status * bad->status != 0; }));
  CHECK(first->status == 200);
  CHECK(good->status == 200);
  CHECK(bad->status == 400);
  CHECK(gateway.bench.stop());
}

TEST_CASE("otlp gateway: partial success is passed on to a source that was alone") {
  Gateway gateway([](const FakeServer::Seen&) {
    return FakeServer::status(200, common::otlp::encode_response({1, "too old"}),
                              {{"content-type", "application/x-protobuf"}});
  });
  const auto two =
      request_of_resources({resource_message("a", {scope_of("x", {span_of(1), span_of(2)})})});
  const auto alone = common::otlp::decode_response(gateway.answer_to(two.bytes()).body);
  REQUIRE(alone);
  CHECK(alone->rejected == 1);
  CHECK(alone->message == "too old");
  const FakeAnswer none_taken = gateway.answer_to(body_of(1));
  CHECK(none_taken.status == 400);
  CHECK(common::otlp::decode_status(none_taken.body)->message == "refused: too old");
  // Of several sources nobody knows whose it was: it is counted only.
  const auto first = gateway.post(body_of(2));
  const auto second = gateway.post(body_of(3));
  REQUIRE(gateway.bench.until([&] { return first->status * second->status != 0; }));
  CHECK(first->status == 200);
  CHECK(first->body.empty());
  CHECK(second->body.empty());
  CHECK(gateway.bench.row("in", "t", "out").refused.records == 3);
  CHECK(gateway.bench.stop());
}

TEST_CASE("otlp gateway: while the server is away requests are spooled and acknowledged") {
  Gateway gateway([](const FakeServer::Seen&) { return FakeServer::status(503); });
  CHECK(gateway.answer_to(body_of(7)).status == 200);
  gateway.bench.server().behaviour = [](const FakeServer::Seen&) {
    return FakeServer::status(200);
  };
  REQUIRE(gateway.bench.settle());
  CHECK(numbers_of(gateway.bench.server().seen.back().body) == std::vector<int>{7});
  CHECK(gateway.bench.stop());
}

TEST_CASE("otlp input: any bytes are taken or refused, and the next request is taken") {
  Gateway gateway;
  std::mt19937 random(11);
  const std::string whole =
      request_of_resources({resource_message("a", {scope_of("x", {span_of(1), span_of(2)})})})
          .bytes();
  std::vector<std::shared_ptr<const FakeAnswer>> answers;
  for (int i = 0; i < 3000; ++i) {
    std::string body = whole;
    for (unsigned changes = random() % 4; changes > 0; --changes) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    body.resize(body.size() - random() % 3);
    answers.push_back(gateway.post(body));
  }
  REQUIRE(gateway.bench.settle());
  for (const auto& answer : answers) {
    CHECK((answer->status == 200 || answer->status == 400 || answer->status == 429));
  }
  CHECK(gateway.answer_to(whole).status == 200);
  CHECK(gateway.bench.stop());
}
