// One input of several signals: each batch goes to the pipelines of its signal, and only there.

#include <string>

#include <doctest/doctest.h>

#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "tests/contract/opaque/frames.h"
#include "tests/contract/opaque/opaque_batch.h"
#include "tests/contract/plugins.h"
#include "tests/contract/rows/row_batch.h"

using namespace tailrace;

namespace {

struct NoOptions {};
const Schema& no_options() {
  static const Schema schema = Schema::of<NoOptions>({});
  return schema;
}

struct Ends {
  static inline Outcome last_message = Outcome::dropped;
};

class MessageReceipt final : public Receipt {
 public:
  MessageReceipt() : Receipt(true, false) {}

 private:
  void released(Outcome worst) noexcept override {
    Ends::last_message = worst;
    delete this;
  }
};

/// Hands over three rows and one message when it starts.
class Mixed final : public Input {
 public:
  Mixed(std::shared_ptr<const NoOptions>, InputContext& context) : context_(context) {}
  void start() override {
    Feed& feed = context_.feed();
    REQUIRE(feed.credit(100));
    feed.begin_unit();
    std::string_view series[] = {"a", "b", "c"};
    uint64_t hashes[] = {1, 2, 3};
    double values[] = {1, 2, 3};
    uint32_t bytes[] = {4, 4, 4};
    contract::RowBatch rows;
    rows.size = 3;
    rows.series = series;
    rows.series_hashes = hashes;
    rows.values = values;
    rows.source_bytes = bytes;
    feed.push(rows);

    const std::string message = contract::frame("hello");
    std::string_view messages[] = {message};
    contract::OpaqueBatch opaque;
    opaque.size = 1;
    opaque.messages = messages;
    const ReceiptRef receipt(new MessageReceipt);
    opaque.receipt = receipt.get();
    feed.push(opaque);
  }
  void stop() override {}
  void on_credit() override {}

 private:
  InputContext& context_;
};

constexpr const BatchType* kForms[] = {&contract::RowBatch::kType, &contract::OpaqueBatch::kType};
constexpr Signal kBoth[] = {Signal::metrics, Signal::traces};
const PluginDescriptor kMixed = define_input<Mixed, NoOptions>(
    {.name = "mixed", .summary = "Rows and messages.", .signals = kBoth, .forms = kForms},
    no_options);
const PluginDescriptor* const kTable[] = {&kMixed, &contract::outputs_rows_plugin,
                                          &contract::outputs_opaque_plugin};

}  // namespace

TEST_CASE("Engine: a batch goes to the pipelines of its signal only") {
  testkit::CrashFs disk;
  testkit::EngineBench bench(R"(
inputs:
  in: {type: mixed}
outputs:
  store: {type: rows, url: "http://store/"}
  sink: {type: opaque, url: "http://sink/"}
pipelines:
  m: {inputs: [in], outputs: [store]}
  t: {inputs: [in], outputs: [sink]}
)",
                             kTable, disk);
  REQUIRE(bench.settle());
  CHECK(bench.row("in", "m", "store").delivered.records == 3);
  CHECK(bench.row("in", "t", "sink").delivered.records == 1);
  CHECK(bench.metric("input_records_total") == 4);
  CHECK((Ends::last_message == Outcome::settled));
}

TEST_CASE("Engine: what no pipeline takes is counted as lost and refused, not settled") {
  testkit::CrashFs disk;
  testkit::EngineBench bench(R"(
inputs:
  in: {type: mixed}
outputs:
  store: {type: rows, url: "http://store/"}
pipelines:
  m: {inputs: [in], outputs: [store]}
)",
                             kTable, disk);
  REQUIRE(bench.settle());
  CHECK(bench.row("in", "m", "store").delivered.records == 3);
  CHECK(bench.metric("input_records_total") == 3);
  CHECK(bench.metric("input_lost_records_total", {{"reason", "no_pipeline"}}) == 1);
  CHECK((Ends::last_message == Outcome::refused));
}
