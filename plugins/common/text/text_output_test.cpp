// The encoder and the channel together, as an output uses them.
#include <algorithm>

#include <doctest/doctest.h>

#include "plugins/common/text/local_channel.h"
#include "plugins/common/text/text_encoder.h"
#include "testkit/output_bench.h"

using namespace tailrace;
using namespace tailrace::common::text;
using tailrace::testkit::LogRecord;
using tailrace::testkit::OutputBench;
using tailrace::testkit::SealedRequest;

namespace {

/// Takes at most `step` bytes at a time; fails as often as told.
struct FakeSink final : LocalSink {
  Result<size_t> write(std::string_view payload, size_t from) override {
    if (failures > 0 && from >= fail_at) {
      --failures;
      return fail(ErrorCode::no_space, "no room here");
    }
    const size_t n = std::min(step, payload.size() - from);
    text += payload.substr(from, n);
    return n;
  }
  void give_up() noexcept override { ++given_up; }

  size_t step = SIZE_MAX;
  int failures = 0;
  size_t fail_at = 0;
  int given_up = 0;
  std::string text;
};

struct TestConfig {
  std::shared_ptr<FakeSink> sink = std::make_shared<FakeSink>();
  TextFormat format = TextFormat::raw;
};

class TestOutput final : public Output {
 public:
  TestOutput(std::shared_ptr<const TestConfig> config, OutputContext& context)
      : encoder_(config->format, context.lane().labels(), context.batch_bytes()),
        channel_(context.lane(), config->sink) {}
  std::unique_ptr<RequestBody> new_body() override { return TextEncoder::new_body(); }
  void append(const Batch& batch, Requests& requests) noexcept override {
    encoder_.append(batch, requests);
  }
  Channel& channel() noexcept override { return channel_; }
  void describe_call(const SealedView&, Call&) override {}
  Answer read_answer(const SealedView&, const CallResult& result) override {
    return read_local_answer(result);
  }
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override {
    return TextEncoder::rework(request, reason);
  }

 private:
  TextEncoder encoder_;
  LocalChannel channel_;
};

const PluginDescriptor kPlugin = define_output<TestOutput, TestConfig>({.name = "test"}, nullptr);

std::vector<LogRecord> lines(int from, int to) {
  std::vector<LogRecord> records;
  for (int i = from; i < to; ++i) {
    records.push_back({.body = "line " + std::to_string(i), .timestamp = i});
  }
  return records;
}

std::string text_of(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  return text;
}

struct Subject {
  explicit Subject(size_t batch_bytes = 1 << 20, TextFormat format = TextFormat::raw)
      : config(std::make_shared<TestConfig>()) {
    config->format = format;
    bench = std::make_unique<OutputBench>(kPlugin, config, batch_bytes);
  }
  FakeSink& sink() { return *config->sink; }
  SealedRequest one(int from, int to) {
    bench->append({{"app", "a"}}, lines(from, to));
    auto sealed = bench->seal();
    REQUIRE(sealed.size() == 1);
    return std::move(sealed[0]);
  }

  std::shared_ptr<TestConfig> config;
  std::unique_ptr<OutputBench> bench;
};

Weight weight_of(const std::vector<PartRange>& parts) {
  Weight sum;
  for (const PartRange& part : parts) {
    sum += part.weight;
  }
  return sum;
}

/// Checks that the bodies of a rework are the request cut into pieces, and gives their texts.
std::vector<std::string> pieces_of(const SealedRequest& request, const Rework& rework) {
  std::vector<std::string> texts;
  std::string all;
  std::vector<Weight> weights(request.parts.size());
  for (const ReworkedBody& body : rework.bodies) {
    REQUIRE(body.parts.size() == body.origin.size());
    uint32_t offset = 0;
    for (size_t i = 0; i < body.parts.size(); ++i) {
      CHECK(body.parts[i].offset == offset);
      offset += body.parts[i].length;
      weights[body.origin[i]] += body.parts[i].weight;
    }
    CHECK(offset == body.payload.size());
    texts.emplace_back(body.payload.view());
    all += body.payload.view();
  }
  for (const auto& refused : rework.refused) {
    weights[refused.origin] += refused.weight;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    CHECK(weights[i] == request.parts[i].weight);
  }
  if (rework.refused.empty()) {
    CHECK(all == request.payload.view());
  }
  return texts;
}

}  // namespace

TEST_CASE("TextEncoder: parts lie in the payload in the order of the batches") {
  Subject subject;
  subject.bench->append({{"app", "a"}}, lines(0, 3));
  subject.bench->append({{"app", "b"}}, lines(3, 5));
  const auto sealed = subject.bench->seal();
  REQUIRE(sealed.size() == 1);
  CHECK(sealed[0].payload.view() == text_of(0, 5));
  REQUIRE(sealed[0].parts.size() == 2);
  CHECK(sealed[0].parts[0].offset == 0);
  CHECK(sealed[0].parts[0].length == 21);
  CHECK(sealed[0].parts[0].weight == Weight{3, 21});
  CHECK(sealed[0].parts[1].offset == 21);
  CHECK(sealed[0].parts[1].length == 14);
  // The body is used again.
  CHECK(subject.one(7, 8).payload.view() == "line 7\n");
}

TEST_CASE("TextEncoder: a batch that outgrows a request is cut between records") {
  Subject subject(4096, TextFormat::json);
  subject.bench->append({{"app", std::string(100, 'x')}}, lines(0, 200));
  const auto sealed = subject.bench->seal();
  CHECK(sealed.size() > 5);
  Weight weight;
  size_t rows = 0;
  for (const auto& request : sealed) {
    CHECK(request.payload.size() <= 4096);
    CHECK(request.payload.view().back() == '\n');
    weight += weight_of(request.parts);
    rows += static_cast<size_t>(std::ranges::count(request.payload.view(), '\n'));
  }
  CHECK(rows == 200);
  CHECK(weight.records == 200);
}

TEST_CASE("TextEncoder: rework cuts at parts, then at lines, and refuses a single line") {
  Subject subject;
  subject.bench->append({}, lines(0, 1));
  subject.bench->append({}, lines(1, 3));
  subject.bench->append({}, lines(3, 4));
  const auto three = std::move(subject.bench->seal()[0]);
  auto rework = TextEncoder::rework(three.view(), ReworkReason::too_large);
  REQUIRE(rework);
  CHECK(pieces_of(three, *rework) == std::vector<std::string>{text_of(0, 1), text_of(1, 4)});
  rework = TextEncoder::rework(three.view(), ReworkReason::blame_source);
  REQUIRE(rework);
  CHECK(pieces_of(three, *rework) ==
        std::vector<std::string>{text_of(0, 1), text_of(1, 3), text_of(3, 4)});

  const auto one = subject.one(0, 5);
  rework = TextEncoder::rework(one.view(), ReworkReason::too_large);
  REQUIRE(rework);
  CHECK(pieces_of(one, *rework) == std::vector<std::string>{text_of(0, 2), text_of(2, 5)});

  const auto single = subject.one(0, 1);
  rework = TextEncoder::rework(single.view(), ReworkReason::too_large);
  REQUIRE(rework);
  CHECK(pieces_of(single, *rework).empty());
  CHECK(rework->refused.size() == 1);
  CHECK_FALSE(TextEncoder::rework(single.view(), ReworkReason::unknown_format));
}

TEST_CASE("TextEncoder: a long first line is cut off behind it") {
  Subject subject;
  subject.bench->append({}, {{.body = std::string(100, 'x')}, {.body = "short"}});
  const auto request = std::move(subject.bench->seal()[0]);
  const auto rework = TextEncoder::rework(request.view(), ReworkReason::too_large);
  REQUIRE(rework);
  CHECK(pieces_of(request, *rework) ==
        std::vector<std::string>{std::string(100, 'x') + "\n", "short\n"});
}

TEST_CASE("LocalChannel: a sink that takes a little at a time gets everything") {
  Subject subject;
  subject.sink().step = 3;
  const auto answer = subject.bench->send(subject.one(0, 10));
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::delivered);
  CHECK(subject.sink().text == text_of(0, 10));
  CHECK(subject.sink().given_up == 0);
}

TEST_CASE("LocalChannel: an error is a retry that says why") {
  Subject subject;
  subject.sink().step = 5;
  subject.sink().fail_at = 10;
  subject.sink().failures = 1;
  const auto request = subject.one(0, 10);
  auto answer = subject.bench->send(request);
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::retry);
  CHECK(answer->reason == "no_space");
  CHECK(answer->detail == "no room here");
  CHECK(subject.sink().given_up == 1);
  answer = subject.bench->send(request, 1);
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::delivered);
}

TEST_CASE("LocalChannel: calls are worked on in order, cancelled ones are left out") {
  testkit::ManualLane lane;
  auto sink = std::make_shared<FakeSink>();
  sink->step = 2;
  LocalChannel channel(lane, sink);
  std::string answered;
  const auto call = [&](std::string_view body) {
    Call made;
    made.body = body;
    return channel.call(made, [&answered, body](CallResult result) {
      CHECK(result.transport.has_value());
      answered += body;
    });
  };
  const CallId first = call("aaaaaaaaaaaa");
  const CallId second = call("bbbb");
  call("cccc");
  call("dddd");
  CHECK(answered.empty());
  lane.turn(1);  // two bytes of the first are written
  channel.cancel(first);
  channel.cancel(second);
  channel.cancel(second);
  channel.cancel(99);
  lane.turn();
  CHECK(answered == "ccccdddd");
  CHECK(sink->text.ends_with("ccccdddd"));
  CHECK(sink->text.find('b') == std::string::npos);
  CHECK(sink->given_up == 1);
}

TEST_CASE("LocalChannel: nothing is answered after its end, and the sink is told") {
  testkit::ManualLane lane;
  auto sink = std::make_shared<FakeSink>();
  sink->step = 1;
  auto channel = std::make_unique<LocalChannel>(lane, sink);
  Call call;
  std::string body = "abc";
  call.body = body;
  channel->call(call, [](CallResult) { FAIL("answered"); });
  channel->call(call, [](CallResult) { FAIL("answered"); });
  channel.reset();
  body = "xyz";  // the caller's bytes may be gone by now
  lane.turn();
  CHECK(sink->text == "a");
  CHECK(sink->given_up == 1);
  CHECK(sink.use_count() == 1);
}

TEST_CASE("LocalChannel: the callback may make the next call, or end the channel") {
  testkit::ManualLane lane;
  auto sink = std::make_shared<FakeSink>();
  auto channel = std::make_unique<LocalChannel>(lane, sink);
  Call call;
  call.body = "a";
  channel->call(call, [&](CallResult) {
    call.body = "b";
    channel->call(call, [&](CallResult) { channel.reset(); });
  });
  lane.turn();
  CHECK(channel == nullptr);
  CHECK(sink->text == "ab");
}
