// One signal in two forms: the engine puts converters where a pipeline joins components that have
// none in common, for a form and a conversion that it has never heard of.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "testkit/line_plugins.h"
#include "testkit/plugin_harness.h"
#include "testkit/temp_folder.h"
#include "testkit/word_output.h"

using namespace tailrace;
using testkit::EngineBench;
using testkit::WordBatch;
using testkit::WordOutput;
using testkit::WordOutputConfig;

namespace {

using Lines = std::vector<std::string>;

constexpr Signal kLogs[] = {Signal::logs};
constexpr const BatchType* kWordForm[] = {&WordBatch::kType};
constexpr const BatchType* kLogForm[] = {&LogBatch::kType};

struct Heard {
  static inline Outcome last = Outcome::dropped;
  static inline bool has_room = false;
};

class TalkReceipt final : public Receipt {
 public:
  TalkReceipt() : Receipt(true, false) {}

 private:
  void released(Outcome worst) noexcept override {
    Heard::last = worst;
    delete this;
  }
};

struct TalkConfig {
  StringList words;
};
const Schema& talk_schema() {
  static const Schema schema =
      Schema::of<TalkConfig>({option("words", &TalkConfig::words, "What to say.")});
  return schema;
}

/// Hands over its words, in the form of words, when it starts.
class Talk final : public Input {
 public:
  Talk(std::shared_ptr<const TalkConfig> config, InputContext& context)
      : config_(std::move(config)), context_(context) {}
  void start() override {
    Feed& feed = context_.feed();
    REQUIRE(feed.credit(100));
    feed.begin_unit();
    WordBatch batch;
    batch.words = config_->words;
    const ReceiptRef receipt(new TalkReceipt);
    batch.receipt = receipt.get();
    feed.push(batch);
    Heard::has_room = feed.credit(400 << 10);
  }
  void stop() override {}
  void on_credit() override {}

 private:
  const std::shared_ptr<const TalkConfig> config_;
  InputContext& context_;
};

struct ToLinesConfig {
  std::string skip;
  std::string suffix;
};
const Schema& to_lines_schema() {
  static const Schema schema = Schema::of<ToLinesConfig>(
      {option("skip", &ToLinesConfig::skip, "A word that is left out."),
       option("suffix", &ToLinesConfig::suffix, "What is put behind each word.")});
  return schema;
}

/// One line for each word; a word that begins with `!` has no meaning as a line.
class WordsToLines final : public Converter {
 public:
  WordsToLines(std::shared_ptr<const ToLinesConfig> config, ConverterContext& context)
      : config_(std::move(config)), lane_(context.lane()) {
    const Label label{"from", "words"};
    labels_ = lane_.labels().intern({&label, 1});
  }
  void convert(const Batch& any, Next& next) noexcept override {
    const auto& words = *batch_cast<WordBatch>(any);
    Arena& arena = lane_.arena();
    LogBatch lines;
    lines.receipt = words.receipt;
    lines.labels = labels_.get();
    lines.timestamps = arena.array<int64_t>(words.words.size());
    lines.bodies = arena.array<std::string_view>(words.words.size());
    lines.source_bytes = arena.array<uint32_t>(words.words.size());
    for (const std::string& word : words.words) {
      if (word == config_->skip) {
        next.filtered({1, word.size()});
      } else if (word.starts_with('!')) {
        next.refuse({1, word.size()}, "no_line", word);
      } else {
        const std::string text = word + config_->suffix + std::string(kBlockPadding, ' ');
        lines.timestamps[lines.size] = lines.size + 1;
        lines.bodies[lines.size] = arena.copy(text).substr(0, text.size() - kBlockPadding);
        lines.source_bytes[lines.size++] = static_cast<uint32_t>(word.size());
      }
    }
    if (lines.size > 0) {
      next.push(lines);
    }
  }

 private:
  const std::shared_ptr<const ToLinesConfig> config_;
  Lane& lane_;
  LabelsPtr labels_;
};

const Schema& word_schema() {
  static const Schema schema =
      Schema::of<WordOutputConfig>({option("url", &WordOutputConfig::url, "Where to.")});
  return schema;
}

const PluginDescriptor kTalk = define_input<Talk, TalkConfig>(
    {.name = "talk", .summary = "Says words.", .signals = kLogs, .forms = kWordForm}, talk_schema);
const PluginDescriptor kConverter =
    define_converter<WordsToLines, ToLinesConfig>({.name = "words_to_lines",
                                                   .summary = "Makes lines of words.",
                                                   .signals = kLogs,
                                                   .from = &WordBatch::kType,
                                                   .to = kLogForm,
                                                   .growth = 3},
                                                  to_lines_schema);
/// Takes words as they are, and nothing else.
const PluginDescriptor kRaw = define_output<WordOutput, WordOutputConfig>(
    {.name = "raw", .summary = "Words.", .signals = kLogs, .forms = kWordForm}, word_schema);

config::PluginTable table() {
  static const std::vector<const PluginDescriptor*> all = [] {
    const auto lines = testkit::line_plugins();
    std::vector<const PluginDescriptor*> plugins(lines.begin(), lines.end());
    plugins.insert(plugins.end(), {&kTalk, &kConverter, &kRaw});
    return plugins;
  }();
  return all;
}

Lines complaints_of(const std::string& yaml, bool warnings = false) {
  ConfigIssues issues;
  (void)config::load_text(yaml, table(), issues);
  Lines lines;
  for (const ConfigIssue& issue : warnings ? issues.warnings() : issues.issues()) {
    lines.push_back(config::to_line("", issue));
  }
  return lines;
}

}  // namespace

TEST_CASE("Engine: of two outputs only the one that takes another form gets converted batches") {
  testkit::CrashFs disk;
  EngineBench bench(R"(
inputs:
  in: {type: talk, words: [one, two, "!three", four]}
outputs:
  lines: {type: words, url: "http://lines/", words_to_lines: {skip: two, suffix: "."}}
  raw: {type: raw, url: "http://raw/"}
pipelines:
  p: {inputs: [in], outputs: [lines, raw]}
)",
                    table(), disk);
  REQUIRE(bench.settle());
  CHECK(testkit::taken_lines(bench.server(), "http://lines/") == Lines{"one.", "four."});
  CHECK(testkit::taken_lines(bench.server(), "http://raw/") ==
        Lines{"one", "two", "!three", "four"});
  const auto lines = bench.row("in", "p", "lines");
  CHECK(lines.delivered == Weight{2, 7});
  CHECK(lines.filtered == Weight{1, 3});
  CHECK(lines.refused == Weight{1, 6});
  CHECK(bench.row("in", "p", "raw").delivered.records == 4);
  CHECK(bench.metric("output_refused_records_total",
                     {{"component", "lines"}, {"reason", "no_line"}}) == 1);
  CHECK((Heard::last == Outcome::refused));
}

TEST_CASE("Engine: what a pipeline converts for its processors goes so to all outputs") {
  testkit::CrashFs disk;
  EngineBench bench(R"(
inputs:
  in: {type: talk, words: [one, two, "!three", four]}
processors:
  some: {type: keep, containing: o}
outputs:
  a: {type: words, url: "http://a/"}
  b: {type: words, url: "http://b/"}
pipelines:
  p: {inputs: [in], processors: [some], outputs: [a, b], words_to_lines: {skip: four}}
)",
                    table(), disk);
  REQUIRE(bench.settle());
  for (const std::string output : {"a", "b"}) {
    CHECK(testkit::taken_lines(bench.server(), "http://" + output + "/") == Lines{"one", "two"});
    const auto row = bench.row("in", "p", output);
    CHECK(row.delivered.records == 2);
    CHECK(row.filtered.records == 1);
    CHECK(row.refused.records == 1);
  }
}

TEST_CASE("Engine: inputs of two forms share the processors of a pipeline") {
  testkit::CrashFs disk;
  testkit::TempFolder folder;
  const std::string path = folder.path("some.log");
  testkit::append_lines(path, {"alone", "and", "together"});
  EngineBench bench(R"(
inputs:
  in: {type: talk, words: [one, two]}
  file: {type: lines, paths: [")" +
                        path + R"("]}
processors:
  some: {type: keep, containing: o}
outputs:
  out: {type: words, url: "http://out/"}
pipelines:
  p: {inputs: [in, file], processors: [some], outputs: [out]}
)",
                    table(), disk);
  REQUIRE(bench.until([&] { return bench.row("file", "p", "out").taken.records == 3; }));
  REQUIRE(bench.settle());
  CHECK(bench.row("in", "p", "out").delivered.records == 2);
  CHECK(bench.row("file", "p", "out").delivered.records == 2);
  CHECK(bench.row("file", "p", "out").filtered.records == 1);
}

TEST_CASE("Engine: credit counts what a conversion may make of a unit") {
  const auto has_room = [](const std::string& output) {
    testkit::CrashFs disk;
    EngineBench bench("inputs: {in: {type: talk, words: [one]}}\noutputs: {out: {type: " + output +
                          ", url: \"http://out/\", buffer: {memory: 2MiB}}}\n"
                          "pipelines: {p: {inputs: [in], outputs: [out]}}\n",
                      table(), disk);
    REQUIRE(bench.settle());
    return Heard::has_room;
  };
  CHECK(has_room("raw"));
  CHECK(!has_room("words"));
}

TEST_CASE("Config: a form that nobody converts is an error at the place where it is met") {
  const std::string start = R"(inputs:
  in: {type: talk}
  file: {type: lines, paths: [x]}
processors:
  some: {type: keep, containing: o}
outputs:
  raw: {type: raw}
)";
  CHECK(complaints_of(start + R"(pipelines:
  p: {inputs: [file], outputs: [raw]}
)") == Lines{
           "9:33 pipelines.p.outputs[0]: \"raw\" (type raw) takes logs in the form words, and here "
           "they come in the form logs; there is no conversion of logs"});
  CHECK(complaints_of(start + R"(pipelines:
  p: {inputs: [in], processors: [some], outputs: [raw]}
)") == Lines{
           "9:51 pipelines.p.outputs[0]: \"raw\" (type raw) takes logs in the form words, and here "
           "they come in the form logs; there is no conversion of logs"});
}

TEST_CASE("Config: options of a converter are checked, and told when they have no effect") {
  const std::string end = R"(
pipelines:
  p: {inputs: [in], outputs: [out], words_to_lines: {skip: x}}
)";
  const std::string start = "inputs: {in: {type: talk}}\noutputs:\n  out: {type: words";
  CHECK(complaints_of(start + ", words_to_lines: {sufix: x}}" + end) ==
        Lines{"3:39 outputs.out.words_to_lines.sufix: unknown option; did you mean \"suffix\"?"});
  CHECK(complaints_of(start + ", words_to_line: {}}" + end) ==
        Lines{"3:22 outputs.out.words_to_line: unknown option; did you mean \"words_to_lines\"?"});
  const Lines raw = complaints_of(
      "inputs: {in: {type: talk}}\noutputs: {out: {type: raw, words_to_lines: {}}}" + end);
  REQUIRE(raw.size() == 1);
  CHECK(raw[0].starts_with("2:28 outputs.out.words_to_lines: unknown option"));
  CHECK(complaints_of(start + "}" + end, true) ==
        Lines{"5:53 pipelines.p.words_to_lines: has no effect: no processor of this pipeline "
              "needs this conversion; where an output needs it, the options belong to the output"});
  CHECK(
      complaints_of("inputs: {in: {type: lines, paths: [x]}}\noutputs:\n"
                    "  out: {type: words, words_to_lines: {skip: x}}\n"
                    "pipelines: {p: {inputs: [in], outputs: [out]}}\n",
                    true) ==
      Lines{"3:38 outputs.out.words_to_lines: has no effect: this output needs this conversion in "
            "no pipeline; where a processor needs it, the options belong to the pipeline"});
  CHECK(complaints_of("inputs: {in: {type: talk}}\noutputs:\n"
                      "  out: {type: words, words_to_lines: {skip: x}}\n"
                      "pipelines: {p: {inputs: [in], outputs: [out]}}\n",
                      true) == Lines{});
}

TEST_CASE("Contract: a converter is held to it") {
  const testkit::PluginHarness harness(kConverter, "skip: two");
  harness.check_options();
  const testkit::Sample words{"words", [](testkit::ManualLane&, const auto& use) {
                                WordBatch batch;
                                batch.words = {"one", "two", "!three", "four"};
                                use(batch);
                              }};
  harness.check_converter({words}, testkit::describe_logs);
}
