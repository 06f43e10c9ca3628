#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tailrace/block.h"
#include "tailrace/lane.h"
#include "tailrace/log.h"
#include "tailrace/metrics.h"
#include "tailrace/output.h"

#include "delivery/budget.h"
#include "delivery/ledger.h"
#include "delivery/request.h"
#include "delivery/retry.h"
#include "delivery/spool.h"

namespace tailrace::delivery {

struct OutputOptions {
  std::string name;
  std::string type;
  size_t memory_bytes = 16 << 20;
  bool drop_oldest = false;
  size_t batch_bytes = 1 << 20;
  Milliseconds linger{1000};
  uint64_t shards = 1;
  Milliseconds spool_after{30000};
  Milliseconds spool_after_unreadable{1000};
  Milliseconds min_backoff{500};
  Milliseconds max_backoff{30000};
  uint32_t max_in_flight = 8;
  std::string quarantine;
};

/// What all lanes of one output share.
struct OutputShared {
  explicit OutputShared(OutputOptions given)
      : options(std::move(given)), memory(options.memory_bytes) {}

  OutputOptions options;
  QueueMemory memory;
  std::unique_ptr<Spool> spool;
  std::atomic<size_t> spooling_bytes{0};
  /// Requests found in the spool at start, per tenant: newer ones wait until these are gone. The
  /// map is fixed before the lanes run.
  std::map<std::string, std::atomic<uint64_t>> recovered;
  std::vector<std::function<void()>> pump_all;  ///< Fixed before the lanes run; posts to each lane.
};

/// Most that one unit of `source_bytes` may grow to in an output: its bytes as body and as
/// metadata, and the framing of each record.
size_t worst_case_bytes(size_t source_bytes) noexcept;

/// A sender on the node that has its answer sends again within some 0.1 ms, one that has just had
/// others answered before it a little later. Longer than that nobody waits for it.
inline constexpr Milliseconds kRegularsBack{1};

/// What refused records are logged under. Each cause has examples of its own: one that is common
/// does not hide another.
std::string refusal_key(std::string_view reason);

/// One output on one lane: open requests, the queue of sealed ones, and the sender.
///
/// Order: of a sequence one request is in flight at a time, the oldest; what lies in the spool is
///        older than what is in memory.
/// Lane:  everything runs on the lane given.
class OutputLane final : private Requests {
 public:
  OutputLane(Lane& lane, Output& output, OutputShared& shared, Ledger& ledger, Metrics& metrics);
  ~OutputLane();
  OutputLane(const OutputLane&) = delete;
  OutputLane& operator=(const OutputLane&) = delete;

  /// Takes over what was found in the spool at start (on one lane only, before it runs).
  void adopt(std::vector<RecoveredRecord> records);
  void start();

  /// Encodes the batch into the open requests. `tenants` collects who was written for.
  void append(const Batch& batch, LedgerCell& cell, std::vector<Tenant*>& tenants) noexcept;
  /// Books records that were on their way here and cannot be sent, ever: counted by reason, one
  /// example is logged, and the unit is told (`receipt` may be null).
  void refuse(Receipt* receipt, LedgerCell& cell, const Weight& weight, std::string_view reason,
              std::string_view example) noexcept;
  /// True when a unit of `source_bytes` fits, whatever it grows to. If not, QueueMemory::on_room
  /// calls when it may.
  bool has_room(size_t source_bytes, const std::vector<Tenant*>& tenants) noexcept;

  /// False while nothing is delivered and the spool could not take the oldest request that is in
  /// memory: newer ones would wait behind it. Memory may have room all the same.
  bool may_settle() const noexcept;

  /// True while requests that wait in memory leave at a healthy pace but are more than a quarter of
  /// the share: there is no use in making more of what can be made later. The caller is woken as
  /// with has_room.
  bool has_enough_to_send() noexcept;

  /// Seals every open request now.
  void seal_all();
  /// Nothing is open, queued, in flight or spooled on this lane.
  bool empty() const noexcept;
  /// What is left cannot be sent for now, or is durable already.
  bool pointless_to_wait() const noexcept;
  /// Gives up calls in flight and moves everything to the spool; `done` runs when that has worked
  /// or failed. Nothing is sent afterwards.
  void spool_rest(std::function<void()> done);

  /// "" or why this output is not well, for the admin page.
  std::string complaint() const;
  uint64_t queued_requests() const noexcept;
  const OutputShared& shared() const noexcept { return shared_; }
  void update_gauges();

 private:
  // Requests, for the encoder.
  RequestBody& part(std::string_view tenant, uint64_t order_hash, size_t estimated_bytes,
                    Weight weight, uint32_t& part) noexcept override;
  void refuse(Weight weight, std::string_view reason, std::string_view example) noexcept override;
  void filtered(Weight weight) noexcept override;

  // Sealing (output_lane.cpp).
  Tenant& tenant(std::string_view name);
  Sequence& sequence(std::string_view tenant, uint64_t shard, bool recovered);
  void open_request(Sequence& sequence);
  void seal(Sequence& sequence, Counter& why);
  /// Seals what senders wait for, unless more is about to come.
  void seal_awaited(Sequence& sequence);
  void seal_awaited_ones();
  void on_linger();
  void arm_linger();
  void enqueue(std::unique_ptr<SealedRequest> request);

  // The queue and its way to the spool (queue.cpp).
  void account(SealedRequest& request, size_t bytes);
  void list_in_memory(SealedRequest& request);
  void unlist(SealedRequest& request);
  /// Begins to spool (or drops) the oldest requests until `room` bytes are free, or will be.
  void relieve_memory(size_t room = worst_case_bytes(kMaxBlockBytes));
  bool is_slow() const noexcept;
  bool spool_oldest();
  bool start_spooling(SealedRequest& request);
  void on_spooled(const std::shared_ptr<SealedRequest*>& ticket, size_t bytes,
                  Spool::Appended result);
  void on_age();
  void arm_age();
  bool drop_oldest();
  void forget(SealedRequest& request);
  void spool_in_memory();
  void check_spooled_rest();

  // The sender (sender.cpp).
  void schedule_pump();
  void pump();
  void make_ready(Sequence& sequence);
  bool may_send(const Sequence& sequence, int64_t now) const;
  void arm_retry(int64_t now);
  void start_request(Sequence& sequence);
  void send(SealedRequest& request);
  void on_answer(SealedRequest& request, CallResult result);
  void count_answer(const std::string& answer);
  void retry(SealedRequest& request, const Answer& answer);
  void finish(SealedRequest& request, Outcome outcome, const Answer& answer);
  void rework(SealedRequest& request, ReworkReason reason, const Answer& answer);
  void replace(SealedRequest& request, Rework rework, const std::string& reason, bool for_source);
  void landed(SealedRequest& request);
  void quarantine(const SealedRequest& request);

  Lane& lane_;
  Output& output_;
  OutputShared& shared_;
  Ledger& ledger_;
  Metrics& metrics_;
  std::string log_name_;
  Log log_;

  std::unordered_map<std::string, std::unique_ptr<Tenant>> tenants_;
  std::map<std::tuple<std::string, uint64_t, bool>, std::unique_ptr<Sequence>> sequences_;
  Sequence* last_sequence_ = nullptr;
  std::vector<std::unique_ptr<RequestBody>> spare_bodies_;
  std::list<Sequence*> open_;  // oldest first
  std::unique_ptr<Timer> linger_timer_;
  std::unique_ptr<Timer> regulars_timer_;

  // The batch in work.
  const Batch* batch_ = nullptr;
  LedgerCell* cell_ = nullptr;
  std::vector<Tenant*>* touched_tenants_ = nullptr;
  bool sealing_awaited_ = false;

  std::list<SealedRequest*> in_memory_;  // oldest first, not spooled yet
  std::unique_ptr<Timer> age_timer_;
  int64_t spool_retry_at_ns_ = 0;
  bool spool_is_full_ = false;  // or fails: the last request that was tried since an answer came
  int64_t held_bytes_ = 0;
  size_t in_memory_bytes_ = 0;  // payloads of in_memory_
  std::function<void()> spooled_rest_;

  std::deque<Sequence*> ready_;
  bool pump_scheduled_ = false;
  bool stopped_ = false;
  uint32_t in_flight_ = 0;
  uint32_t reworks_ = 0;  // requests that are being taken apart on a worker thread
  std::unique_ptr<Timer> retry_timer_;
  std::unique_ptr<Timer> quiet_timer_;
  Breaker breaker_;
  ConcurrencyLimit concurrency_;
  Jitter jitter_;
  Milliseconds breaker_wait_{0};
  Backoff breaker_backoff_;
  std::string last_failure_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Counter& sealed_full_;
  Counter& sealed_linger_;
  Counter& sealed_awaited_;
  Counter& sealed_shutdown_;
  Counter& delivered_records_;
  Counter& delivered_requests_;
  Counter& sent_bytes_;
  Counter& body_bytes_;
  Counter& spooled_requests_;
  std::map<std::string, Counter*> answers_;
  Gauge& in_flight_gauge_;
  Gauge& queued_gauge_;
  Gauge& at_risk_gauge_;
  Gauge& breaker_gauge_;
  Histogram& request_seconds_;
};

}  // namespace tailrace::delivery
