#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/partial_receipt.h"

#include "base/metrics_registry.h"
#include "delivery/output_lane.h"
#include "testkit/fake_net.h"
#include "testkit/manual_lane.h"
#include "testkit/memory_spool.h"
#include "testkit/word_output.h"

/// What the tests of an output's lane share.
namespace tailrace::delivery {

using testkit::FakeServer;

struct CountingReceipt final : Receipt {
  CountingReceipt(std::vector<Outcome>& ends, bool awaited, bool rereadable)
      : Receipt(awaited, rereadable), ends(ends) {}
  void released(Outcome worst) noexcept override {
    ends.push_back(worst);
    delete this;
  }
  std::vector<Outcome>& ends;
};

/// Of a client that can be told how many of its records were refused.
struct TellingReceipt final : PartialReceipt {
  TellingReceipt() : PartialReceipt(/*awaited=*/true, /*rereadable=*/false) {}
  void refused_partly(uint64_t records, bool alone, std::string_view why,
                      const void*) noexcept override {
    refused += alone ? records : 0;
    reason = why;
  }
  void released(Outcome) noexcept override {}
  uint64_t refused = 0;
  std::string reason;
};

/// One output on one lane, with a server and a spool that the test plays.
struct OutputBench {
  explicit OutputBench(OutputOptions options = {}, uint64_t disk = 1 << 30) : shared(options) {
    auto made = std::make_unique<testkit::MemorySpool>(disk);
    spool = made.get();
    shared.spool = std::move(made);
    output = std::make_unique<testkit::WordOutput>(server.channel(lane));
    ledger.on_change([this] { lane.at_end_of_turn([this] { ledger.check(); }); });
    out = std::make_unique<OutputLane>(lane, *output, shared, ledger, metrics);
    cell = &ledger.cell("in", "pipe", "out");
    out->start();
  }
  ~OutputBench() {
    lane.turn();
    CHECK(errors() == expected_errors);
    ledger.on_change(nullptr);
    out.reset();
  }

  void push(std::vector<std::string> words, std::string_view tenant = "", bool awaited = false,
            bool rereadable = true) {
    const ReceiptRef receipt(new CountingReceipt(ends, awaited, rereadable));
    push_for(receipt.get(), std::move(words), tenant);
  }
  void push_for(Receipt* receipt, std::vector<std::string> words, std::string_view tenant = "") {
    testkit::WordBatch batch;
    batch.tenant = tenant;
    batch.words = std::move(words);
    batch.receipt = receipt;
    cell->count(cell->taken, batch.weight());
    tenants.clear();
    out->append(batch, *cell, tenants);
  }
  std::string sent() const {
    std::string all;
    for (const auto& call : server.seen) {
      all += call.body;
    }
    return all;
  }
  double errors() {
    for (const auto& family : registry.read()) {
      if (family.name == "tailrace_ledger_errors_total") {
        return family.samples[0].value;
      }
    }
    return -1;
  }
  int64_t records(const Tally& tally) { return tally.records.value(); }

  MetricsRegistry registry;
  Metrics& metrics = registry.scope(0, {});
  testkit::ManualLane lane;
  FakeServer server;
  Ledger ledger{0, metrics};
  OutputShared shared;
  testkit::MemorySpool* spool = nullptr;
  std::unique_ptr<testkit::WordOutput> output;
  std::unique_ptr<OutputLane> out;
  LedgerCell* cell = nullptr;
  std::vector<Tenant*> tenants;
  std::vector<Outcome> ends;
  double expected_errors = 0;
};

}  // namespace tailrace::delivery
