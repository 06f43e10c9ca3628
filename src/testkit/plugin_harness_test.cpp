// The harness finds what it is for: each of these plugins breaks the contract in one way.

#include "testkit/plugin_harness.h"

#include <string>

#include <doctest/doctest.h>

#include "tailrace/log_batch.h"

#include "testkit/word_output.h"

using namespace tailrace;
using testkit::PluginHarness;

namespace {

constexpr Signal kLogs[] = {Signal::logs};

enum class Fault { none, loses_one, edits_bytes, looks_at_clock, remembers, drops_receipt };

struct FaultyConfig {
  Fault fault = Fault::none;
  uint32_t number = 5;
};
const Schema& faulty_schema() {
  static const Schema schema = Schema::of<FaultyConfig>({
      choice("fault", &FaultyConfig::fault, "What it does wrong.",
             {{"none", Fault::none},
              {"loses_one", Fault::loses_one},
              {"edits_bytes", Fault::edits_bytes},
              {"looks_at_clock", Fault::looks_at_clock},
              {"remembers", Fault::remembers},
              {"drops_receipt", Fault::drops_receipt}}),
      option("number", &FaultyConfig::number, "Some number.").range("1", "9"),
  });
  return schema;
}

class Faulty final : public Processor {
 public:
  Faulty(std::shared_ptr<const FaultyConfig> config, ProcessorContext& context)
      : config_(std::move(config)), context_(context) {}
  void process(Batch& any, Next& next) noexcept override {
    LogBatch& batch = *batch_cast<LogBatch>(any);
    if (batch.size == 0) {
      return;
    }
    switch (config_->fault) {
      case Fault::none:
        break;
      case Fault::loses_one:
        --batch.size;
        break;
      case Fault::edits_bytes:
        if (!batch.bodies[0].empty()) {
          const_cast<char&>(batch.bodies[0][0]) ^= 1;
        }
        break;
      case Fault::looks_at_clock:
        batch.timestamps[0] = context_.lane().clock().wall_ns();
        break;
      case Fault::remembers:
        batch.timestamps[0] += ++calls_;
        break;
      case Fault::drops_receipt:
        batch.receipt = nullptr;
        break;
    }
    if (batch.size != 0) {
      next.push(batch);
    }
  }

 private:
  std::shared_ptr<const FaultyConfig> config_;
  ProcessorContext& context_;
  int64_t calls_ = 0;
};

const PluginDescriptor kFaulty = define_processor<Faulty, FaultyConfig>(
    {.name = "faulty", .summary = "Does something wrong.", .signals = kLogs}, faulty_schema);

void check_faulty(const char* fault) {
  PluginHarness(kFaulty, std::string("fault: ") + fault).check_processor();
}

struct UnrangedConfig {
  uint32_t number = 1;
  std::string text;
};
const Schema& without_docs() {
  static const Schema schema =
      Schema::of<UnrangedConfig>({option("text", &UnrangedConfig::text, "").required()});
  return schema;
}
const PluginDescriptor kUndocumented = detail::base_descriptor<UnrangedConfig>(
    ComponentKind::processor, {.name = "x", .summary = "X.", .signals = kLogs}, without_docs);

/// Takes requests apart badly: the last record of each piece is left out.
class Losing final : public Output {
 public:
  explicit Losing(std::unique_ptr<Channel> channel) : words_(std::move(channel)) {}
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const testkit::WordOutputConfig>,
                                              OutputContext& context) {
    auto channel = context.http_channel({});
    REQUIRE(channel);
    return std::unique_ptr<Output>(std::make_unique<Losing>(std::move(*channel)));
  }
  std::unique_ptr<RequestBody> new_body() override { return words_.new_body(); }
  void append(const Batch& batch, Requests& requests) noexcept override {
    words_.append(batch, requests);
  }
  Channel& channel() noexcept override { return words_.channel(); }
  void describe_call(const SealedView& request, Call& call) override {
    words_.describe_call(request, call);
  }
  Answer read_answer(const SealedView& request, const CallResult& result) override {
    return words_.read_answer(request, result);
  }
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override {
    auto rework = words_.rework(request, reason);
    if (rework && !rework->bodies.empty()) {
      rework->bodies.pop_back();
    }
    return rework;
  }

 private:
  testkit::WordOutput words_;
};

const Schema& no_options() {
  static const Schema schema = Schema::of<testkit::WordOutputConfig>({});
  return schema;
}
const PluginDescriptor kLosing = define_output<Losing, testkit::WordOutputConfig>(
    {.name = "losing", .summary = "Loses records.", .signals = kLogs}, no_options);
const PluginDescriptor kWords = define_output<testkit::WordOutput, testkit::WordOutputConfig>(
    {.name = "words", .summary = "Words.", .signals = kLogs}, no_options);

testkit::OutputSubject words() {
  testkit::OutputSubject subject;
  subject.samples = {testkit::log_sample("a", {}, {{.body = "one"}, {.body = "two"}}),
                     testkit::log_sample("b", {}, {{.body = "three"}, {.body = "four"}})};
  subject.records = [](std::string_view payload) {
    std::vector<std::string> lines;
    for (size_t at = 0; at < payload.size();) {
      const size_t end = std::min(payload.find('\n', at), payload.size());
      lines.emplace_back(payload.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  };
  return subject;
}

}  // namespace

TEST_CASE("PluginHarness: a plugin that keeps the contract passes") {
  check_faulty("none");
  PluginHarness(kFaulty, "").check_options();
  PluginHarness(kWords, "").check_output(words());
}

TEST_CASE("PluginHarness: finds a lost record" * doctest::should_fail()) {
  check_faulty("loses_one");
}

TEST_CASE("PluginHarness: finds edited bytes" * doctest::should_fail()) {
  check_faulty("edits_bytes");
}

TEST_CASE("PluginHarness: finds a result that depends on the time" * doctest::should_fail()) {
  check_faulty("looks_at_clock");
}

TEST_CASE("PluginHarness: finds a result that depends on what came before" *
          doctest::should_fail()) {
  check_faulty("remembers");
}

TEST_CASE("PluginHarness: finds a lost receipt" * doctest::should_fail()) {
  check_faulty("drops_receipt");
}

TEST_CASE("PluginHarness: finds an option without a doc" * doctest::should_fail()) {
  PluginHarness(kUndocumented, "text: x").check_options();
}

TEST_CASE("PluginHarness: finds records lost when a request is taken apart" *
          doctest::should_fail()) {
  PluginHarness(kLosing, "").check_output(words());
}
