#include "delivery/output_lane.h"

#include <algorithm>
#include <tuple>

#include <malloc.h>

#include "tailrace/block.h"
#include "tailrace/check.h"
#include "tailrace/partial_receipt.h"

#include "delivery/test_hooks.h"

namespace tailrace::delivery {

namespace {
/// Framing and bookkeeping of one record in any encoding that we know.
constexpr size_t kRecordOverhead = 32;
constexpr size_t kSpareBodies = 4;
/// A request that was neither answered nor spooled for so long will not be soon.
constexpr int64_t kStuckNs = 5'000'000'000;
}  // namespace

size_t worst_case_bytes(size_t source_bytes) noexcept {
  const size_t units = source_bytes / kMaxBlockBytes + 1;
  return 2 * source_bytes + units * kMaxUnitRecords * kRecordOverhead;
}

OutputLane::OutputLane(Lane& lane, Output& output, OutputShared& shared, Ledger& ledger,
                       Metrics& metrics)
    : lane_(lane),
      output_(output),
      shared_(shared),
      ledger_(ledger),
      metrics_(metrics),
      log_name_("output." + shared.options.name),
      log_(log_name_),
      concurrency_(shared.options.max_in_flight),
      jitter_(static_cast<uint64_t>(lane.clock().wall_ns()) + lane.id()),
      sealed_full_(metrics.counter("output_sealed_requests_total", "Requests sealed, by cause.",
                                   {{"cause", "full"}})),
      sealed_linger_(metrics.counter("output_sealed_requests_total", "Requests sealed, by cause.",
                                     {{"cause", "linger"}})),
      sealed_awaited_(metrics.counter("output_sealed_requests_total", "Requests sealed, by cause.",
                                      {{"cause", "awaited"}})),
      sealed_shutdown_(metrics.counter("output_sealed_requests_total", "Requests sealed, by cause.",
                                       {{"cause", "shutdown"}})),
      delivered_records_(metrics.counter("output_delivered_records_total",
                                         "Source records that the server confirmed.")),
      delivered_requests_(
          metrics.counter("output_delivered_requests_total", "Requests that were settled.")),
      sent_bytes_(metrics.counter("output_sent_bytes_total",
                                  "Payload bytes handed to the network, repeats included.")),
      body_bytes_(metrics.counter("output_body_bytes_total",
                                  "Source bytes in the requests that were delivered.")),
      spooled_requests_(metrics.counter("output_spooled_requests_total",
                                        "Requests that were moved to the spool on disk.")),
      in_flight_gauge_(metrics.gauge("output_in_flight_requests", "Requests under way.")),
      queued_gauge_(metrics.gauge("output_queued_requests",
                                  "Sealed requests that wait, in memory and in the spool.")),
      at_risk_gauge_(metrics.gauge("output_at_risk_records",
                                   "Records in memory only that cannot be read again.")),
      breaker_gauge_(
          metrics.gauge("output_breaker_open", "1 while the endpoint fails and is only probed.")),
      request_seconds_(metrics.histogram(
          "output_request_duration_seconds", "From the start of a call to its answer.",
          {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30})) {
  linger_timer_ = lane.timer([this] { on_linger(); });
  regulars_timer_ = lane.timer([this] { seal_awaited_ones(); });
  age_timer_ = lane.timer([this] { on_age(); });
  quiet_timer_ = lane.timer([this] {
    if (in_memory_.empty()) {
      malloc_trim(0);  // payloads leave holes that the allocator would keep
    }
  });
  retry_timer_ = lane.timer([this] {
    for (auto& [key, sequence] : sequences_) {
      make_ready(*sequence);
    }
    pump();
  });
  shared_.memory.on_room(lane, [this, alive = std::weak_ptr<bool>(alive_)] {
    // Room may also mean that the disk has some again.
    if (!alive.expired() && !stopped_) {
      relieve_memory();
    }
  });
  shared_.pump_all.push_back([this, &lane, alive = std::weak_ptr<bool>(alive_)] {
    lane.post([this, alive] {
      if (!alive.expired()) {
        for (auto& [key, sequence] : sequences_) {
          make_ready(*sequence);
        }
        pump();
      }
    });
  });
}

OutputLane::~OutputLane() {
  // What is neither delivered nor durable must not look settled to its input, and what is durable
  // is for the next run.
  auto abandon = [](const std::vector<Part>& parts, std::span<const ReceiptRef> receipts) {
    for (const Part& part : parts) {
      if (part.receipt) {
        part.receipt->report(Outcome::abandoned, "the agent ends");
      }
    }
    for (const ReceiptRef& receipt : receipts) {
      receipt->report(Outcome::abandoned, "the agent ends");
    }
  };
  for (auto& [key, sequence] : sequences_) {
    if (sequence->open != nullptr) {
      abandon(sequence->open->parts, sequence->open->receipts);
    }
    for (const auto& request : sequence->queue) {
      abandon(request->parts, request->receipts->receipts);
      if (request->spooled != nullptr) {
        request->spooled->keep();
      }
    }
  }
}

void OutputLane::start() {
  for (auto& [key, sequence] : sequences_) {
    make_ready(*sequence);
  }
  schedule_pump();
}

Tenant& OutputLane::tenant(std::string_view name) {
  std::unique_ptr<Tenant>& tenant = tenants_[std::string(name)];
  if (tenant == nullptr) {
    tenant = std::make_unique<Tenant>();
    tenant->name = name;
  }
  return *tenant;
}

Sequence& OutputLane::sequence(std::string_view tenant_name, uint64_t shard, bool recovered) {
  if (last_sequence_ != nullptr && last_sequence_->shard == shard &&
      last_sequence_->recovered == recovered && last_sequence_->tenant->name == tenant_name) {
    return *last_sequence_;
  }
  auto [at, is_new] =
      sequences_.try_emplace(std::make_tuple(std::string(tenant_name), shard, recovered));
  if (is_new) {
    at->second = std::make_unique<Sequence>();
    Sequence& made = *at->second;
    made.tenant = &tenant(tenant_name);
    made.shard = shard;
    made.recovered = recovered;
    if (!recovered) {
      auto gate = shared_.recovered.find(std::string(tenant_name));
      made.gate = gate == shared_.recovered.end() ? nullptr : &gate->second;
    }
  }
  last_sequence_ = at->second.get();
  return *last_sequence_;
}

void OutputLane::append(const Batch& batch, LedgerCell& cell,
                        std::vector<Tenant*>& tenants) noexcept {
  batch_ = &batch;
  cell_ = &cell;
  touched_tenants_ = &tenants;
  output_.append(batch, *this);
  batch_ = nullptr;
}

RequestBody& OutputLane::part(std::string_view tenant_name, uint64_t order_hash,
                              size_t estimated_bytes, Weight weight, uint32_t& part) noexcept {
  Sequence& to = sequence(tenant_name, order_hash % shared_.options.shards, false);
  if (to.open != nullptr &&
      to.open->body->bytes() + estimated_bytes > shared_.options.batch_bytes) {
    seal(to, sealed_full_);
  }
  if (to.open == nullptr) {
    open_request(to);
  }
  if (touched_tenants_->empty() || touched_tenants_->back() != to.tenant) {
    touched_tenants_->push_back(to.tenant);
  }
  OpenRequest& open = *to.open;
  shared_.memory.take(estimated_bytes);
  open.accounted_bytes += estimated_bytes;
  part = static_cast<uint32_t>(open.parts.size());
  Part& added = open.parts.emplace_back();
  added.range.weight = weight;
  added.holding = Holding(*cell_, weight, Stage::open);
  Receipt* receipt = batch_->receipt;
  if (receipt == nullptr) {
    open.rereadable = false;
  } else {
    open.rereadable = open.rereadable && receipt->rereadable();
    if (receipt->awaited()) {
      added.receipt = ReceiptRef(receipt);
      const size_t before = open.parts.size() - 1;
      if (before == 0 || open.parts[before - 1].receipt.get() != receipt) {
        ++open.senders;
      }
      if (!std::exchange(sealing_awaited_, true)) {
        lane_.at_end_of_turn([this, alive = std::weak_ptr<bool>(alive_)] {
          if (!alive.expired()) {
            sealing_awaited_ = false;
            seal_awaited_ones();
          }
        });
      }
    } else if (open.receipts.empty() || open.receipts.back().get() != receipt) {
      open.receipts.emplace_back(receipt);
    }
  }
  return *open.body;
}

void OutputLane::refuse(Weight weight, std::string_view reason, std::string_view example) noexcept {
  refuse(batch_->receipt, *cell_, weight, reason, example);
}

void OutputLane::refuse(Receipt* receipt, LedgerCell& cell, const Weight& weight,
                        std::string_view reason, std::string_view example) noexcept {
  cell.count(cell.refused, weight);
  metrics_
      .counter("output_refused_records_total",
               "Records refused for good, by us before sending or by the server, by reason.",
               {{"reason", std::string(reason)}})
      .add(weight.records);
  if (receipt != nullptr) {
    report_partly(*receipt, weight.records, true, reason, &cell);
  }
  log_.warn(refusal_key(reason),
            std::string("a record cannot be sent (") + std::string(reason) +
                ") and is given up; it begins with: " + std::string(example.substr(0, 120)));
}

void OutputLane::filtered(Weight weight) noexcept {
  cell_->count(cell_->filtered, weight);
}

void OutputLane::open_request(Sequence& to) {
  to.open = std::make_unique<OpenRequest>();
  if (spare_bodies_.empty()) {
    to.open->body = output_.new_body();
  } else {
    to.open->body = std::move(spare_bodies_.back());
    spare_bodies_.pop_back();
  }
  to.open->opened_ns = lane_.clock().monotonic_ns();
  open_.push_back(&to);
  if (open_.size() == 1) {
    arm_linger();
  }
}

void OutputLane::arm_linger() {
  if (open_.empty()) {
    linger_timer_->stop();
    return;
  }
  const int64_t age = lane_.clock().monotonic_ns() - open_.front()->open->opened_ns;
  const auto left = shared_.options.linger - Milliseconds(age / 1'000'000);
  linger_timer_->start(std::max(left, Milliseconds(0)));
}

void OutputLane::seal_awaited(Sequence& sequence) {
  // While one is in flight more can gather; on_answer seals then.
  if (sequence.open == nullptr || sequence.open->senders == 0 || sequence.in_flight) {
    return;
  }
  if (sequence.open->senders >= sequence.regulars ||
      lane_.clock().monotonic_ns() >= sequence.regulars_back_by_ns) {
    seal(sequence, sealed_awaited_);
  } else if (!regulars_timer_->active()) {
    regulars_timer_->start(kRegularsBack);
  }
}

void OutputLane::seal_awaited_ones() {
  for (auto at = open_.begin(); at != open_.end();) {
    Sequence& sequence = **at++;
    seal_awaited(sequence);
  }
}

void OutputLane::on_linger() {
  const int64_t now = lane_.clock().monotonic_ns();
  const int64_t linger = Duration(shared_.options.linger).count();
  while (!open_.empty() && now - open_.front()->open->opened_ns >= linger - 1'000'000) {
    seal(*open_.front(), sealed_linger_);
  }
  arm_linger();
}

void OutputLane::seal_all() {
  while (!open_.empty()) {
    seal(*open_.front(), sealed_shutdown_);
  }
}

void OutputLane::seal(Sequence& from, Counter& why) {
  std::unique_ptr<OpenRequest> open = std::move(from.open);
  open_.remove(&from);
  shared_.memory.give_back(open->accounted_bytes);
  if (test_discards(TestPoint::before_seal)) {
    return;
  }
  why.increment();

  std::vector<PartRange> ranges;
  ranges.reserve(open->parts.size());
  for (const Part& part : open->parts) {
    ranges.push_back(part.range);
  }
  auto request = std::make_unique<SealedRequest>(from);
  request->payload = open->body->seal(ranges);
  request->payload_size = static_cast<uint32_t>(request->payload.size());
  request->format_version = output_.format_version();
  request->senders = open->senders;
  request->rereadable = open->rereadable;
  if (spare_bodies_.size() < kSpareBodies) {
    spare_bodies_.push_back(std::move(open->body));
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    open->parts[i].range = ranges[i];
  }
  // In the order of the body; neighbours of one account become one, so that a request of many
  // small reads stays small while it waits.
  std::ranges::stable_sort(open->parts, {}, [](const Part& part) { return part.range.offset; });
  for (Part& part : open->parts) {
    Part* last = request->parts.empty() ? nullptr : &request->parts.back();
    if (last != nullptr && !last->receipt && !part.receipt &&
        last->holding.cell() == part.holding.cell() &&
        last->range.offset + last->range.length == part.range.offset) {
      last->range.length += part.range.length;
      last->range.weight += part.range.weight;
      last->holding.merge(std::move(part.holding));
    } else {
      request->parts.push_back(std::move(part));
    }
  }
  request->parts.shrink_to_fit();
  request->receipts = std::make_shared<ReceiptBundle>(ReceiptBundle{std::move(open->receipts)});
  enqueue(std::move(request));
}

void OutputLane::enqueue(std::unique_ptr<SealedRequest> request) {
  SealedRequest& added = *request;
  Sequence& to = added.sequence;
  added.sealed_ns = lane_.clock().monotonic_ns();
  for (Part& part : added.parts) {
    part.holding.move_to(Stage::queued);
  }
  to.tenant->held_bytes += added.payload_size;
  held_bytes_ += added.payload_size;
  to.queue.push_back(std::move(request));
  list_in_memory(added);
  make_ready(to);
  schedule_pump();
  relieve_memory();
  arm_age();
}

bool OutputLane::has_room(size_t source_bytes, const std::vector<Tenant*>& tenants) noexcept {
  if (stopped_) {
    return false;
  }
  const size_t worst = worst_case_bytes(source_bytes);
  const bool room = shared_.memory.has_room(worst);
  bool fair = true;
  if (tenants_.size() > 1 && shared_.spool != nullptr) {
    const auto capacity =
        static_cast<int64_t>((shared_.memory.limit() + shared_.spool->free_budget()) /
                             lane_.count()) +
        held_bytes_;
    for (const Tenant* tenant : tenants) {
      const int64_t others = held_bytes_ - tenant->held_bytes;
      fair = fair && tenant->held_bytes * 2 <= std::max<int64_t>(capacity - others, 0);
    }
  }
  if (room && fair) {
    return true;
  }
  shared_.memory.want();
  relieve_memory(worst);
  return shared_.memory.has_room(worst) && fair;
}

bool OutputLane::may_settle() const noexcept {
  // Where there is no disk, memory is all the room that was asked for; and the newest is always
  // welcome where the oldest goes for it.
  if (!spool_is_full_ || in_memory_.empty() || shared_.options.drop_oldest) {
    return true;
  }
  // Of several tenants it may be one that waits alone.
  const int64_t age = lane_.clock().monotonic_ns() - in_memory_.front()->sealed_ns;
  return !breaker_.open() && (tenants_.size() > 1 || age < kStuckNs);
}

bool OutputLane::has_enough_to_send() noexcept {
  if (in_memory_bytes_ <= shared_.memory.limit() / 4 || is_slow()) {
    return false;
  }
  shared_.memory.want();
  return true;
}

bool OutputLane::empty() const noexcept {
  if (!open_.empty() || in_flight_ != 0) {
    return false;
  }
  return std::ranges::all_of(sequences_,
                             [](const auto& entry) { return entry.second->queue.empty(); });
}

bool OutputLane::pointless_to_wait() const noexcept {
  return empty() || (open_.empty() && in_flight_ == 0 && (breaker_.open() || in_memory_.empty()));
}

uint64_t OutputLane::queued_requests() const noexcept {
  uint64_t queued = 0;
  for (const auto& [key, sequence] : sequences_) {
    queued += sequence->queue.size();
  }
  return queued;
}

std::string OutputLane::complaint() const {
  if (breaker_.open()) {
    return "does not take requests: " + last_failure_;
  }
  for (const auto& [name, tenant] : tenants_) {
    if (tenant->wait_until_ns > lane_.clock().monotonic_ns()) {
      return name.empty() ? "was told to wait: " + last_failure_
                          : "tenant " + name + " was told to wait: " + last_failure_;
    }
  }
  return {};
}

void OutputLane::update_gauges() {
  in_flight_gauge_.set(in_flight_);
  queued_gauge_.set(static_cast<double>(queued_requests()));
  breaker_gauge_.set(breaker_.open() ? 1 : 0);
  uint64_t at_risk = 0;
  for (const SealedRequest* request : in_memory_) {
    if (!request->rereadable && request->spooled == nullptr) {
      for (const Part& part : request->parts) {
        at_risk += part.holding.weight().records;
      }
    }
  }
  at_risk_gauge_.set(static_cast<double>(at_risk));
}

}  // namespace tailrace::delivery
