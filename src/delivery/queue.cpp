// The queue of sealed requests, and its way to the spool and back.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/check.h"

#include "delivery/output_lane.h"

namespace tailrace::delivery {

namespace {

constexpr int64_t kSpoolRetryNs = 1'000'000'000;
/// An output whose oldest request has waited for so long does not keep up.
constexpr int64_t kSlowNs = 500'000'000;

/// What a request takes beside its payload.
size_t stub_bytes(const SealedRequest& request) noexcept {
  return sizeof(SealedRequest) + request.parts.capacity() * sizeof(Part) + 64;
}

/// A file may have been unlinked since the request was sealed.
bool can_be_read_again(const SealedRequest& request) noexcept {
  return request.rereadable &&
         std::ranges::all_of(request.receipts->receipts,
                             [](const ReceiptRef& receipt) { return receipt->rereadable(); });
}

Envelope envelope_of(const SealedRequest& request) {
  Envelope envelope;
  envelope.format_version = request.format_version;
  envelope.tenant = request.sequence.tenant->name;
  envelope.order_key = request.sequence.shard;
  std::vector<const LedgerCell*> cells;
  for (const Part& part : request.parts) {
    const LedgerCell* cell = part.holding.cell();
    const auto at = std::ranges::find(cells, cell) - cells.begin();
    if (at == static_cast<ptrdiff_t>(cells.size())) {
      cells.push_back(cell);
      envelope.sources.emplace_back(cell->input, cell->pipeline);
    }
    PartRange range = part.range;
    range.weight = part.holding.weight();
    envelope.parts.push_back({static_cast<uint32_t>(at), range});
  }
  return envelope;
}

}  // namespace

void OutputLane::account(SealedRequest& request, size_t bytes) {
  if (bytes >= request.accounted_bytes) {
    shared_.memory.take(bytes - request.accounted_bytes);
    request.accounted_bytes = bytes;
  } else {
    const size_t less = request.accounted_bytes - bytes;
    request.accounted_bytes = bytes;
    shared_.memory.give_back(less);
  }
}

void OutputLane::list_in_memory(SealedRequest& request) {
  request.in_memory = in_memory_.insert(in_memory_.end(), &request);
  request.listed = true;
  in_memory_bytes_ += request.payload_size;
  account(request, request.payload_size + stub_bytes(request));
}

void OutputLane::unlist(SealedRequest& request) {
  if (request.listed) {
    in_memory_.erase(request.in_memory);
    request.listed = false;
    in_memory_bytes_ -= request.payload_size;
  }
}

void OutputLane::adopt(std::vector<RecoveredRecord> records) {
  for (RecoveredRecord& record : records) {
    Sequence& to = sequence(record.envelope.tenant, 0, true);
    auto request = std::make_unique<SealedRequest>(to);
    request->payload_size = record.ref.payload_size;
    request->format_version = record.envelope.format_version;
    request->receipts = std::make_shared<ReceiptBundle>();
    request->spooled = std::make_shared<SpoolHold>(*shared_.spool, record.ref);
    request->own_record = true;
    for (const Envelope::Part& part : record.envelope.parts) {
      const auto& [input, pipeline] = record.envelope.sources.at(part.source);
      LedgerCell& cell = ledger_.cell(input, pipeline, shared_.options.name);
      cell.count(cell.found, part.range.weight);
      Part& added = request->parts.emplace_back();
      added.range = part.range;
      added.holding = Holding(cell, part.range.weight, Stage::spooled);
    }
    request->parts.shrink_to_fit();
    to.tenant->held_bytes += request->payload_size;
    held_bytes_ += request->payload_size;
    account(*request, stub_bytes(*request));
    to.queue.push_back(std::move(request));
  }
}

void OutputLane::relieve_memory(size_t room) {
  if (shared_.spool == nullptr) {
    return;
  }
  // Some more than the next unit needs, where the share is large; never less, or a small share
  // would give no credit and not spool either.
  const size_t limit = shared_.memory.limit();
  const size_t ample = std::min(limit / 2, 2 * worst_case_bytes(kMaxBlockBytes));
  const size_t mark = limit - std::min(limit, std::max(room, ample));
  auto above_mark = [&] {
    const size_t used = shared_.memory.used();
    const size_t leaving = shared_.spooling_bytes.load(std::memory_order_relaxed);
    return used > mark + leaving;
  };
  while (above_mark()) {
    // Of a server that keeps taking requests even the oldest is young: memory comes free by itself,
    // and the disk need not see what can be read again.
    if (!is_slow() && !in_memory_.empty() && can_be_read_again(*in_memory_.front())) {
      break;
    }
    if (spool_oldest()) {
      continue;
    }
    if (!shared_.options.drop_oldest || !drop_oldest()) {
      break;
    }
  }
}

bool OutputLane::is_slow() const noexcept {
  return !in_memory_.empty() &&
         lane_.clock().monotonic_ns() - in_memory_.front()->sealed_ns >= kSlowNs;
}

bool OutputLane::spool_oldest() {
  for (SealedRequest* request : in_memory_) {
    const bool being_taken_apart = request->in_flight && request->payload.empty();
    if (!request->spooling && !being_taken_apart) {
      return start_spooling(*request);
    }
  }
  return false;
}

bool OutputLane::start_spooling(SealedRequest& request) {
  if (shared_.spool == nullptr || lane_.clock().monotonic_ns() < spool_retry_at_ns_) {
    return false;
  }
  if (request.in_flight && request.payload.empty()) {
    return false;  // it is being taken apart; its pieces will be looked at
  }
  Envelope envelope = envelope_of(request);
  if (!shared_.spool->reserve(envelope, request.payload_size)) {
    spool_is_full_ = true;
    return false;
  }
  request.spooling = true;
  request.spool_ticket = std::make_shared<SealedRequest*>(&request);
  const size_t bytes = request.payload_size;
  shared_.spooling_bytes.fetch_add(bytes, std::memory_order_relaxed);
  // A call in flight still reads from the payload.
  Bytes payload =
      request.in_flight ? Bytes::copy_of(request.payload.view()) : std::move(request.payload);
  shared_.spool->append(lane_, std::move(envelope), std::move(payload),
                        [this, alive = std::weak_ptr<bool>(alive_), ticket = request.spool_ticket,
                         bytes](Spool::Appended result) {
                          if (!alive.expired()) {
                            on_spooled(ticket, bytes, std::move(result));
                          }
                        });
  return true;
}

void OutputLane::on_spooled(const std::shared_ptr<SealedRequest*>& ticket, size_t bytes,
                            Spool::Appended result) {
  shared_.spooling_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  SealedRequest* request = *ticket;
  if (request == nullptr) {  // settled meanwhile
    if (result.status) {
      shared_.spool->settled(result.ref);
    }
  } else if (!result.status) {
    request->spooling = false;
    request->spool_ticket.reset();
    if (request->payload.empty()) {
      request->payload = std::move(result.payload);
    }
    spool_retry_at_ns_ = lane_.clock().monotonic_ns() + kSpoolRetryNs;
    spool_is_full_ = true;
    make_ready(request->sequence);
    arm_age();
  } else {
    request->spooling = false;
    request->spool_ticket.reset();
    request->spooled = std::make_shared<SpoolHold>(*shared_.spool, result.ref);
    request->own_record = true;
    spooled_requests_.increment();
    spool_is_full_ = false;
    unlist(*request);
    for (Part& part : request->parts) {
      if (!request->in_flight) {
        part.holding.move_to(Stage::spooled);
      }
      part.receipt.reset();
    }
    request->receipts = std::make_shared<ReceiptBundle>();
    if (!request->in_flight) {
      request->payload = Bytes();
      account(*request, stub_bytes(*request));
    }
    make_ready(request->sequence);
  }
  schedule_pump();
  relieve_memory();
  check_spooled_rest();
}

void OutputLane::on_age() {
  const int64_t now = lane_.clock().monotonic_ns();
  for (auto at = in_memory_.begin(); at != in_memory_.end();) {
    SealedRequest& request = **at++;
    const auto longest = can_be_read_again(request) ? shared_.options.spool_after
                                                    : shared_.options.spool_after_unreadable;
    const bool durable = request.spooled != nullptr;  // a piece of a spooled request
    if (!request.spooling && !durable && now - request.sealed_ns >= Duration(longest).count() &&
        !start_spooling(request)) {
      break;
    }
  }
  relieve_memory();
  // There may be room on disk again; and of a slow output nobody waits for the network any more
  // (has_enough_to_send).
  if (is_slow() || (shared_.spool != nullptr && shared_.spool->free_budget() > 0)) {
    shared_.memory.wake();
  }
  arm_age();
}

void OutputLane::arm_age() {
  if (!age_timer_->active() && !in_memory_.empty() && shared_.spool != nullptr) {
    const auto least =
        std::min(shared_.options.spool_after, shared_.options.spool_after_unreadable);
    age_timer_->start(std::clamp(least / 4, Milliseconds(10), Milliseconds(1000)));
  }
}

bool OutputLane::drop_oldest() {
  SealedRequest* oldest = nullptr;
  for (const auto& [key, sequence] : sequences_) {
    for (const auto& request : sequence->queue) {
      if (request->in_flight || request->spooling) {
        continue;
      }
      if (oldest == nullptr || request->sealed_ns < oldest->sealed_ns) {
        oldest = request.get();
      }
      break;
    }
  }
  if (oldest == nullptr) {
    return false;
  }
  uint64_t records = 0;
  for (const Part& part : oldest->parts) {
    records += part.holding.weight().records;
  }
  log_.error("buffer_full",
             fmt::format("the buffer is full and `when_full: drop_oldest` is set: a request of {} "
                         "records is dropped; raise buffer.disk or mend the receiver ({})",
                         records, last_failure_.empty() ? "it is slow" : last_failure_));
  finish(*oldest, Outcome::dropped, {.reason = "buffer_full"});
  return true;
}

void OutputLane::forget(SealedRequest& request) {
  Sequence& from = request.sequence;
  unlist(request);
  account(request, 0);
  from.tenant->held_bytes -= request.payload_size;
  held_bytes_ -= request.payload_size;
  if (request.spool_ticket != nullptr) {
    *request.spool_ticket = nullptr;
  }
  const auto at = std::ranges::find_if(
      from.queue, [&](const auto& candidate) { return candidate.get() == &request; });
  TR_CHECK(at != from.queue.end());
  const std::unique_ptr<SealedRequest> gone = std::move(*at);
  from.queue.erase(at);
  if (from.recovered && from.queue.empty()) {
    const auto gate = shared_.recovered.find(from.tenant->name);
    if (gate != shared_.recovered.end() && gate->second.exchange(0) != 0) {
      for (const auto& pump_lane : shared_.pump_all) {
        pump_lane();
      }
    }
  }
}

void OutputLane::spool_rest(std::function<void()> done) {
  seal_all();
  stopped_ = true;
  retry_timer_->stop();
  linger_timer_->stop();
  regulars_timer_->stop();
  for (auto& [key, sequence] : sequences_) {
    for (auto& request : sequence->queue) {
      if (request->call != 0) {
        output_.channel().cancel(request->call);
        request->call = 0;
        landed(*request);
        if (request->own_record) {  // it became durable while it was in flight
          request->payload = Bytes();
          for (Part& part : request->parts) {
            part.holding.move_to(Stage::spooled);
          }
        }
      }
    }
  }
  spooled_rest_ = std::move(done);
  spool_retry_at_ns_ = 0;
  spool_in_memory();
  check_spooled_rest();
}

void OutputLane::spool_in_memory() {
  // What is durable of a sequence must be its oldest: the rest is read again, and would come behind
  // what was newer. Records that cannot be read again are saved in any case.
  std::set<const Sequence*> blocked;
  for (SealedRequest* request : in_memory_) {
    const bool durable = request->spooling || request->spooled != nullptr;
    const bool must_wait = blocked.contains(&request->sequence) && can_be_read_again(*request);
    if (!durable && !must_wait && !start_spooling(*request)) {
      blocked.insert(&request->sequence);
    }
  }
}

void OutputLane::check_spooled_rest() {
  // What is being taken apart comes back as pieces, which are spooled then.
  if (spooled_rest_ != nullptr && reworks_ == 0 &&
      std::ranges::none_of(in_memory_, [](const auto* request) { return request->spooling; })) {
    const auto done = std::exchange(spooled_rest_, nullptr);
    done();
  }
}

}  // namespace tailrace::delivery
