// Sends sealed requests: picks the next, reads the answer, retries, takes apart.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "tailrace/check.h"
#include "tailrace/partial_receipt.h"

#include "delivery/output_lane.h"
#include "delivery/test_hooks.h"

namespace tailrace::delivery {

namespace {

constexpr Milliseconds kLongestHint{3'600'000};
/// How long after a request memory is given back, if nothing waits then.
constexpr Milliseconds kQuiet{5000};

const char* to_string(ReworkReason reason) noexcept {
  switch (reason) {
    case ReworkReason::too_large:
      return "too_large";
    case ReworkReason::blame_source:
      return "blame_source";
    case ReworkReason::unknown_format:
      return "unknown_format";
  }
  return "unknown";
}

std::vector<PartRange> ranges_of(const SealedRequest& request) {
  std::vector<PartRange> ranges;
  ranges.reserve(request.parts.size());
  for (const Part& part : request.parts) {
    ranges.push_back(part.range);
    ranges.back().weight = part.holding.weight();
  }
  return ranges;
}

SealedView view_of(const SealedRequest& request, std::span<const PartRange> ranges) {
  return {request.payload.view(), request.sequence.tenant->name, request.format_version, ranges,
          request.attempts};
}

uint64_t records_of(const SealedRequest& request) {
  uint64_t records = 0;
  for (const Part& part : request.parts) {
    records += part.holding.weight().records;
  }
  return records;
}

const std::string& text_for_clients(const Answer& answer) {
  return answer.detail.empty() ? answer.reason : answer.detail;
}

/// Tells the sources of a request of which some records were refused. Which ones is not told: the
/// first ones stand for them, as in the books.
void tell_partly(const SealedRequest& request, const Answer& answer) {
  const bool alone = std::ranges::all_of(request.parts, [&](const Part& part) {
    return part.receipt.get() == request.parts.front().receipt.get();
  });
  uint64_t left = answer.refused;
  for (const Part& part : request.parts) {
    const uint64_t refused = std::min(left, part.holding.weight().records);
    left -= refused;
    if (part.receipt && refused > 0) {
      report_partly(*part.receipt.get(), refused, alone, text_for_clients(answer),
                    part.holding.cell());
    }
  }
}

}  // namespace

std::string refusal_key(std::string_view reason) {
  return fmt::format("refused_{}", reason);
}

void OutputLane::schedule_pump() {
  if (!pump_scheduled_ && !stopped_) {
    pump_scheduled_ = true;
    lane_.at_end_of_turn([this, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) {
        pump_scheduled_ = false;
        pump();
      }
    });
  }
}

void OutputLane::make_ready(Sequence& sequence) {
  if (!sequence.is_ready && !sequence.in_flight && !sequence.queue.empty()) {
    sequence.is_ready = true;
    ready_.push_back(&sequence);
  }
}

bool OutputLane::may_send(const Sequence& sequence, int64_t now) const {
  if (sequence.queue.empty() || sequence.in_flight) {
    return false;
  }
  const SealedRequest& first = *sequence.queue.front();
  const bool on_its_way_to_disk = first.spooling && first.payload.empty();
  const bool gated = sequence.gate != nullptr && sequence.gate->load() != 0;
  return !on_its_way_to_disk && !gated && sequence.retry_at_ns <= now &&
         sequence.tenant->wait_until_ns <= now;
}

void OutputLane::pump() {
  if (stopped_) {
    return;
  }
  const int64_t now = lane_.clock().monotonic_ns();
  bool waiting = false;
  // Each sequence is looked at once; those that may not fly yet come back by the retry timer, by
  // their gate, or when their first request is durable.
  for (size_t left = ready_.size(); left > 0; --left) {
    if (in_flight_ >= concurrency_.value() || !breaker_.allows(now, in_flight_)) {
      waiting = true;
      break;
    }
    Sequence& next = *ready_.front();
    ready_.pop_front();
    next.is_ready = false;
    if (may_send(next, now)) {
      start_request(next);
    } else if (!next.queue.empty()) {
      waiting = true;
    }
  }
  if (waiting) {
    arm_retry(now);
  }
}

/// For those that were not due at `now`, also if they are by now: nobody else comes back to them.
void OutputLane::arm_retry(int64_t now) {
  int64_t next = INT64_MAX;
  for (const auto& [key, sequence] : sequences_) {
    if (!sequence->queue.empty() && !sequence->in_flight) {
      const int64_t at = std::max(sequence->retry_at_ns, sequence->tenant->wait_until_ns);
      if (at > now) {
        next = std::min(next, at);
      }
    }
  }
  if (breaker_.open() && in_flight_ == 0) {
    next = next == INT64_MAX ? breaker_.open_until_ns() : std::max(next, breaker_.open_until_ns());
    next = std::min(next, std::max(breaker_.open_until_ns(), now + 1'000'000));
  }
  if (next != INT64_MAX) {
    retry_timer_->start(Milliseconds(std::max<int64_t>((next - now) / 1'000'000 + 1, 1)));
  }
}

void OutputLane::start_request(Sequence& sequence) {
  SealedRequest& request = *sequence.queue.front();
  sequence.in_flight = true;
  request.in_flight = true;
  ++in_flight_;
  for (Part& part : request.parts) {
    part.holding.move_to(Stage::in_flight);
  }
  if (!request.payload.empty() || request.payload_size == 0) {
    send(request);
    return;
  }
  account(request, request.accounted_bytes + request.payload_size);
  shared_.spool->read(
      lane_, request.spooled->ref(),
      [this, alive = std::weak_ptr<bool>(alive_), &request](Result<Bytes> payload) {
        if (alive.expired()) {
          return;
        }
        if (stopped_) {
          landed(request);
          return;
        }
        if (payload) {
          request.payload = std::move(*payload);
          send(request);
          return;
        }
        if (payload.error().code == ErrorCode::corrupt) {
          log_.error("spool_corrupt",
                     fmt::format("a spooled request of {} records does not verify and is dropped: "
                                 "{}; check the disk",
                                 records_of(request), payload.error().message));
          landed(request);
          finish(request, Outcome::dropped, {.reason = "spool_corrupt"});
          pump();
          return;
        }
        Answer again;
        again.kind = Answer::Kind::retry;
        again.reason = "spool_unreadable";
        again.detail = payload.error().message;
        retry(request, again);
      });
}

void OutputLane::send(SealedRequest& request) {
  const std::vector<PartRange> ranges = ranges_of(request);
  Call call;
  output_.describe_call(view_of(request, ranges), call);
  call.body = request.payload.view();
  sent_bytes_.add(request.payload_size);
  const int64_t started = lane_.clock().monotonic_ns();
  request.call = output_.channel().call(call, [this, &request, started](CallResult result) {
    request_seconds_.observe(static_cast<double>(lane_.clock().monotonic_ns() - started) / 1e9);
    request.call = 0;
    on_answer(request, std::move(result));
  });
}

void OutputLane::landed(SealedRequest& request) {
  request.in_flight = false;
  request.sequence.in_flight = false;
  --in_flight_;
  for (Part& part : request.parts) {
    part.holding.move_to(request.own_record ? Stage::spooled : Stage::queued);
  }
}

void OutputLane::on_answer(SealedRequest& request, CallResult result) {
  const std::vector<PartRange> ranges = ranges_of(request);
  const Answer answer = output_.read_answer(view_of(request, ranges), result);
  count_answer(answer.reason.empty() ? "ok" : answer.reason);
  Sequence& sequence = request.sequence;
  const uint32_t answered = request.senders;
  if (answer.kind != Answer::Kind::retry) {
    if (breaker_.open()) {
      log_.info("works_again", "the server takes requests again");
    }
    breaker_.on_success();
    spool_is_full_ = false;  // else the next one that is tried says so
    breaker_backoff_.reset();
    concurrency_.on_success();
    sequence.backoff.reset();
  }
  switch (answer.kind) {
    case Answer::Kind::delivered:
    case Answer::Kind::partly:
      landed(request);
      if (test_discards(TestPoint::after_send)) {
        forget(request);
        break;
      }
      if (answer.refused != 0) {
        log_.error(refusal_key(answer.reason),
                   fmt::format("{} of {} records were refused for good by the server: "
                               "{}",
                               answer.refused, records_of(request), answer.detail));
        tell_partly(request, answer);
      }
      finish(request, Outcome::settled, answer);
      break;
    case Answer::Kind::retry:
      retry(request, answer);
      return;
    case Answer::Kind::refused:
      log_.error(refusal_key(answer.reason),
                 fmt::format("a request of {} records was refused for good ({}): {}",
                             records_of(request), answer.reason, answer.detail));
      quarantine(request);
      landed(request);
      finish(request, Outcome::refused, answer);
      break;
    case Answer::Kind::blame_source:
      if (request.taken_apart) {
        log_.error(refusal_key(answer.reason),
                   fmt::format("{} records of one source were refused for good ({}): {}",
                               records_of(request), answer.reason, answer.detail));
        quarantine(request);
        landed(request);
        finish(request, Outcome::refused, answer);
        break;
      }
      rework(request, ReworkReason::blame_source, answer);
      return;
    case Answer::Kind::too_large:
      rework(request, ReworkReason::too_large, answer);
      return;
    case Answer::Kind::unknown_format:
      rework(request, ReworkReason::unknown_format, answer);
      return;
  }
  sequence.regulars = answered + (sequence.open == nullptr ? 0 : sequence.open->senders);
  sequence.regulars_back_by_ns = lane_.clock().monotonic_ns() + Duration(kRegularsBack).count();
  seal_awaited(sequence);
  make_ready(sequence);
  pump();
}

void OutputLane::count_answer(const std::string& answer) {
  Counter*& counter = answers_[answer];
  if (counter == nullptr) {
    counter = &metrics_.counter("output_requests_total", "Calls made, by the answer.",
                                {{"answer", answer}});
  }
  counter->increment();
}

void OutputLane::retry(SealedRequest& request, const Answer& answer) {
  Sequence& sequence = request.sequence;
  const int64_t now = lane_.clock().monotonic_ns();
  metrics_
      .counter("output_retries_total", "Requests that will be sent again, by cause.",
               {{"cause", answer.reason}})
      .increment();
  ++request.attempts;
  last_failure_ = answer.reason + (answer.detail.empty() ? "" : ": " + answer.detail);
  const auto& options = shared_.options;
  Milliseconds wait = sequence.backoff.next(options.min_backoff, options.max_backoff, jitter_);
  if (answer.retry_after.count() > 0) {
    wait = std::clamp(answer.retry_after, Milliseconds(1), kLongestHint);
  }
  sequence.retry_at_ns = now + Duration(wait).count();
  if (answer.tenant_only) {
    sequence.tenant->wait_until_ns = std::max(sequence.tenant->wait_until_ns, sequence.retry_at_ns);
  } else {
    concurrency_.on_failure();
    breaker_.on_failure(now, wait);
  }
  log_.warn(
      "retry",
      fmt::format("{}; sending again in {:.1f} s, nothing is lost meanwhile{}", last_failure_,
                  static_cast<double>(wait.count()) / 1000,
                  request.attempts > 1 ? fmt::format(" (attempt {})", request.attempts) : ""));
  landed(request);
  if (request.own_record) {
    request.payload = Bytes();
    account(request, request.accounted_bytes > request.payload_size
                         ? request.accounted_bytes - request.payload_size
                         : request.accounted_bytes);
  }
  make_ready(sequence);
  relieve_memory();
  arm_age();
  pump();
}

void OutputLane::finish(SealedRequest& request, Outcome outcome, const Answer& answer) {
  uint64_t gone = 0;
  for (Part& part : request.parts) {
    const Weight weight = part.holding.weight();
    if (outcome == Outcome::refused) {
      part.holding.refuse();
      gone += weight.records;
    } else if (outcome == Outcome::dropped) {
      part.holding.drop();
      gone += weight.records;
    } else {
      // Which records were refused is not told: the first ones stand for them in the books.
      const uint64_t refused =
          std::min(answer.refused - std::min(answer.refused, gone), weight.records);
      if (refused > 0) {
        part.holding.split({refused, weight.bytes * refused / weight.records}).refuse();
        gone += refused;
      }
      delivered_records_.add(weight.records - refused);
      body_bytes_.add(part.holding.weight().bytes);
      part.holding.deliver();
    }
    if (part.receipt && outcome == Outcome::refused) {
      // Of the unit it may be a piece only: others were refused, or taken, by themselves.
      report_partly(*part.receipt.get(), weight.records, true, text_for_clients(answer),
                    part.holding.cell());
    } else if (part.receipt && outcome == Outcome::dropped) {
      part.receipt->report(outcome, answer.reason);
    }
  }
  if (outcome != Outcome::settled) {
    request.receipts->report(outcome, answer.reason);
  }
  if (gone != 0) {
    const bool dropped = outcome == Outcome::dropped;
    metrics_
        .counter(dropped ? "output_dropped_records_total" : "output_refused_records_total",
                 dropped ? "Records dropped because of a limit or a broken disk, by reason."
                         : "Records refused for good, by us before sending or by the server, by "
                           "reason.",
                 {{"reason", answer.reason.empty() ? "partly" : answer.reason}})
        .add(gone);
  }
  delivered_requests_.increment();
  forget(request);
  if (!quiet_timer_->active()) {
    quiet_timer_->start(kQuiet);
  }
}

void OutputLane::rework(SealedRequest& request, ReworkReason reason, const Answer& answer) {
  metrics_
      .counter("output_reworks_total", "Requests taken apart or transcoded, by cause.",
               {{"cause", to_string(reason)}})
      .increment();
  struct Job {
    Bytes payload;
    std::string tenant;
    uint32_t format_version;
    std::vector<PartRange> ranges;
    Result<Rework> result = fail(ErrorCode::internal, "not run");
  };
  auto job = std::make_shared<Job>();
  job->payload = std::move(request.payload);
  job->tenant = request.sequence.tenant->name;
  job->format_version = request.format_version;
  job->ranges = ranges_of(request);
  ++reworks_;
  lane_.offload(
      [job, reason, output = &output_] {
        const SealedView view{job->payload.view(), job->tenant, job->format_version, job->ranges,
                              0};
        job->result = output->rework(view, reason);
      },
      [this, alive = std::weak_ptr<bool>(alive_), job, &request, answer, reason] {
        if (alive.expired()) {
          return;
        }
        request.payload = std::move(job->payload);
        Sequence& sequence = request.sequence;
        landed(request);
        const bool useless = job->result && job->result->bodies.size() == 1 &&
                             job->result->refused.empty() &&
                             (reason == ReworkReason::blame_source ||
                              (reason == ReworkReason::too_large &&
                               job->result->bodies[0].payload.size() >= request.payload_size));
        if (!job->result || useless) {
          log_.error(refusal_key(answer.reason),
                     fmt::format("a request of {} records was refused for good ({}) and cannot be "
                                 "taken apart: {}",
                                 records_of(request), answer.reason,
                                 job->result ? answer.detail : job->result.error().message));
          quarantine(request);
          finish(request, Outcome::refused, answer);
        } else {
          replace(request, std::move(*job->result), answer.reason,
                  reason == ReworkReason::blame_source);
        }
        --reworks_;
        if (stopped_) {
          spool_in_memory();
          check_spooled_rest();
          return;
        }
        make_ready(sequence);
        schedule_pump();
        arm_age();
      });
}

void OutputLane::replace(SealedRequest& request, Rework rework, const std::string& reason,
                         bool for_source) {
  Sequence& sequence = request.sequence;
  std::vector<std::unique_ptr<SealedRequest>> pieces;
  for (ReworkedBody& body : rework.bodies) {
    auto piece = std::make_unique<SealedRequest>(sequence);
    piece->payload = std::move(body.payload);
    piece->payload_size = static_cast<uint32_t>(piece->payload.size());
    piece->format_version = body.format_version;
    piece->receipts = request.receipts;
    piece->spooled = request.spooled;
    piece->rereadable = request.rereadable;
    piece->sealed_ns = request.sealed_ns;
    piece->taken_apart = request.taken_apart || for_source;
    for (size_t i = 0; i < body.parts.size(); ++i) {
      Part& whole = request.parts.at(body.origin.at(i));
      Part& part = piece->parts.emplace_back();
      part.range = body.parts[i];
      part.holding = whole.holding.split(body.parts[i].weight);
      part.holding.move_to(Stage::queued);
      part.receipt = whole.receipt;
    }
    pieces.push_back(std::move(piece));
  }
  for (const Rework::Refused& refused : rework.refused) {
    Part& whole = request.parts.at(refused.origin);
    whole.holding.split(refused.weight).refuse();
    if (whole.receipt) {
      report_partly(*whole.receipt.get(), refused.weight.records, true, refused.reason,
                    whole.holding.cell());
    }
    request.receipts->report(Outcome::refused, refused.reason);
    metrics_
        .counter("output_refused_records_total",
                 "Records refused for good, by us before sending or by the server, by reason.",
                 {{"reason", refused.reason}})
        .add(refused.weight.records);
    log_.error(refusal_key(refused.reason),
               fmt::format("{} records cannot be sent ({} after {}) and are given up",
                           refused.weight.records, refused.reason, reason));
  }
  // The pieces take the place of the whole: before everything newer, in the queue and in memory.
  size_t payload_bytes = 0;
  auto before = request.listed ? request.in_memory : in_memory_.begin();
  std::vector<SealedRequest*> added;
  for (auto& piece : pieces) {
    added.push_back(piece.get());
    payload_bytes += piece->payload_size;
    piece->in_memory = in_memory_.insert(before, piece.get());
    piece->listed = true;
    in_memory_bytes_ += piece->payload_size;
    account(*piece,
            piece->payload_size + sizeof(SealedRequest) + piece->parts.size() * sizeof(Part) + 64);
  }
  sequence.tenant->held_bytes += static_cast<int64_t>(payload_bytes);
  held_bytes_ += static_cast<int64_t>(payload_bytes);
  auto at = std::ranges::find_if(
      sequence.queue, [&](const auto& candidate) { return candidate.get() == &request; });
  sequence.queue.insert(at + 1, std::make_move_iterator(pieces.begin()),
                        std::make_move_iterator(pieces.end()));
  forget(request);
}

void OutputLane::quarantine(const SealedRequest& request) {
  if (shared_.options.quarantine.empty() || request.payload.empty()) {
    return;
  }
  constexpr size_t kMostFiles = 100;
  auto payload = std::make_shared<std::string>(request.payload.view());
  const std::string folder = shared_.options.quarantine;
  const std::string name = fmt::format("{}-{}.bin", shared_.options.name, lane_.clock().wall_ns());
  lane_.offload(
      [payload, folder, name] {
        std::error_code ignored;
        std::filesystem::create_directories(folder, ignored);
        size_t files = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
          files += entry.is_regular_file(ignored) ? 1 : 0;
        }
        if (files < kMostFiles) {
          std::ofstream file(std::filesystem::path(folder) / name, std::ios::binary);
          file.write(payload->data(), static_cast<std::streamsize>(payload->size()));
        }
      },
      [] {});
}

}  // namespace tailrace::delivery
