// PluginHarness: outputs on the engine's queue.

#include <algorithm>

#include <doctest/doctest.h>

#include "delivery/output_lane.h"
#include "testkit/harness_output.h"
#include "testkit/memory_spool.h"
#include "testkit/output_stage.h"
#include "testkit/processor_bench.h"

namespace tailrace::testkit {

namespace {

using namespace std::chrono_literals;
using delivery::OutputLane;

struct Ends {
  int released = 0;
  Outcome worst = Outcome::settled;
};

class CountingReceipt final : public Receipt {
 public:
  explicit CountingReceipt(Ends& ends) : Receipt(false, true), ends_(ends) {}

 private:
  void released(Outcome worst) noexcept override {
    ++ends_.released;
    ends_.worst = std::max(ends_.worst, worst);
    delete this;
  }
  Ends& ends_;
};

/// One output on the engine's queue, on one lane.
class Rig {
 public:
  Rig(const PluginDescriptor& plugin, const std::shared_ptr<const void>& config)
      : stage_(plugin, config) {
    delivery::OutputOptions options;
    options.name = "under_test";
    options.min_backoff = 10ms;
    options.max_backoff = 100ms;
    options.spool_after = 2s;
    shared_ = std::make_unique<delivery::OutputShared>(options);
    shared_->spool = std::make_unique<MemorySpool>();
    ledger_.on_change([this] { lane().at_end_of_turn([this] { ledger_.check(); }); });
    REQUIRE(stage_.output() != nullptr);
    out_ = std::make_unique<OutputLane>(lane(), *stage_.output(), *shared_, ledger_, metrics_);
    cell_ = &ledger_.cell("in", "pipe", "under_test");
    out_->start();
  }
  ~Rig() {
    lane().turn();
    CHECK(sum_of(registry_.read(), "ledger_errors_total") == 0);
    CHECK(cell_->balanced());
    ledger_.on_change(nullptr);
  }

  ManualLane& lane() { return stage_.lane(); }
  FakeServer& server() { return stage_.server(); }
  MemorySpool& spool() { return static_cast<MemorySpool&>(*shared_->spool); }
  void push(const Samples& samples) {
    for (const Sample& sample : samples) {
      lane().arena().reset();
      sample.with(lane(), [this](Batch& batch) {
        const ReceiptRef receipt(new CountingReceipt(ends));
        ++units;
        batch.receipt = receipt.get();
        taken += batch.weight();
        cell_->count(cell_->taken, batch.weight());
        std::vector<delivery::Tenant*> tenants;
        out_->append(batch, *cell_, tenants);
      });
    }
  }
  bool settle(std::chrono::milliseconds at_most = 1min) {
    for (auto passed = 0ms; passed < at_most && !out_->empty(); passed += 100ms) {
      lane().advance(100ms);
    }
    return out_->empty();
  }
  Weight delivered() const { return weight_of(cell_->delivered); }
  Weight refused() const { return weight_of(cell_->refused); }

  Ends ends;
  int units = 0;
  Weight taken;

 private:
  static Weight weight_of(const delivery::Tally& tally) {
    return {static_cast<uint64_t>(tally.records.value()),
            static_cast<uint64_t>(tally.bytes.value())};
  }

  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {});
  delivery::Ledger ledger_{0, metrics_};
  OutputStage stage_;
  std::unique_ptr<delivery::OutputShared> shared_;
  delivery::LedgerCell* cell_ = nullptr;
  std::unique_ptr<OutputLane> out_;
};

/// The records in the calls that the server took.
std::vector<std::string> taken_records(const FakeServer& server, const OutputSubject& subject) {
  std::vector<std::string> records;
  for (const auto& seen : server.seen) {
    if (seen.answered / 100 == 2) {
      for (std::string& record : subject.records(seen.body)) {
        records.push_back(std::move(record));
      }
    }
  }
  std::ranges::sort(records);
  return records;
}

}  // namespace

void check_delivery(const PluginDescriptor& plugin, const std::shared_ptr<const void>& config,
                    const OutputSubject& subject) {
  const bool reads = subject.records != nullptr && subject.over_network;
  std::vector<std::string> all;
  Weight sendable;
  {
    INFO("delivered at once");
    Rig rig(plugin, config);
    rig.push(subject.samples);
    REQUIRE(rig.settle());
    CHECK(rig.delivered() + rig.refused() == rig.taken);
    CHECK(rig.ends.released == rig.units);
    sendable = rig.delivered();
    CHECK(sendable.records > 0);
    if (reads) {
      all = taken_records(rig.server(), subject);
    }
  }
  if (!subject.over_network) {
    return;
  }
  {
    INFO("delivered after retries, every time the same bytes");
    Rig rig(plugin, config);
    int calls = 0;
    rig.server().behaviour = [&calls](const FakeServer::Seen&) {
      ++calls;
      return calls % 3 == 0   ? FakeServer::status(204)
             : calls % 3 == 1 ? FakeServer::status(503)
                              : FakeServer::no_connection();
    };
    rig.push(subject.samples);
    REQUIRE(rig.settle());
    CHECK(rig.delivered() == sendable);
    const auto& seen = rig.server().seen;
    for (size_t i = 0; reads && i < seen.size(); ++i) {
      // Whatever was sent before is sent again unchanged: every body is one that was taken.
      CHECK(std::ranges::any_of(seen, [&](const auto& other) {
        return other.answered / 100 == 2 && other.body == seen[i].body;
      }));
    }
    CHECK((!reads || taken_records(rig.server(), subject) == all));
  }
  {
    INFO("delivered from the spool");
    Rig rig(plugin, config);
    rig.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
    rig.push(subject.samples);
    rig.lane().advance(10s);
    CHECK(!rig.spool().records.empty());
    CHECK(rig.ends.released == rig.units);  // durable
    CHECK(rig.ends.worst != Outcome::dropped);
    rig.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(204); };
    REQUIRE(rig.settle());
    CHECK(rig.delivered() == sendable);
    CHECK(rig.spool().records.empty());
    CHECK((!reads || taken_records(rig.server(), subject) == all));
  }
  {
    INFO("refused");
    Rig rig(plugin, config);
    rig.server().behaviour = [&](const FakeServer::Seen&) { return subject.refused; };
    rig.push(subject.samples);
    REQUIRE(rig.settle());
    CHECK(rig.delivered() == Weight{});
    CHECK(rig.refused() == rig.taken);
    CHECK(rig.ends.released == rig.units);
    CHECK((rig.ends.worst == Outcome::refused));
  }
  if (reads && std::ranges::count(subject.reworks, ReworkReason::too_large) != 0) {
    INFO("too large until every record is alone");
    Rig rig(plugin, config);
    rig.server().behaviour = [&](const FakeServer::Seen& seen) {
      return subject.records(seen.body).size() > 1 ? subject.too_large : FakeServer::status(204);
    };
    rig.push(subject.samples);
    REQUIRE(rig.settle());
    CHECK(rig.delivered() == sendable);
    CHECK(taken_records(rig.server(), subject) == all);
    CHECK(rig.ends.released == rig.units);
  }
}

}  // namespace tailrace::testkit
