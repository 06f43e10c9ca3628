#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/output.h"
#include "tailrace/receipt.h"

#include "delivery/ledger.h"
#include "delivery/retry.h"
#include "delivery/spool.h"

namespace tailrace::delivery {

struct Sequence;

/// A run of records of one source unit within a request. `receipt` is set where somebody waits for
/// the answer: such parts keep their own fate. All other receipts are the request's as a whole.
struct Part {
  PartRange range;
  Holding holding;
  ReceiptRef receipt;
};

/// Receipts that are released together. Shared by the pieces of a request that was taken apart.
struct ReceiptBundle {
  std::vector<ReceiptRef> receipts;
  void report(Outcome outcome, std::string_view reason) {
    for (const ReceiptRef& receipt : receipts) {
      receipt->report(outcome, reason);
    }
  }
};

/// Keeps a record in the spool until everything that was made of it is settled.
class SpoolHold {
 public:
  SpoolHold(Spool& spool, SpoolRef ref) : spool_(spool), ref_(ref) {}
  ~SpoolHold() {
    if (!kept_) {
      spool_.settled(ref_);
    }
  }
  SpoolHold(const SpoolHold&) = delete;
  SpoolHold& operator=(const SpoolHold&) = delete;
  const SpoolRef& ref() const noexcept { return ref_; }
  /// The agent ends before the record is settled: it stays for the next run.
  void keep() noexcept { kept_ = true; }

 private:
  Spool& spool_;
  SpoolRef ref_;
  bool kept_ = false;
};

/// A request that is still being filled.
struct OpenRequest {
  std::unique_ptr<RequestBody> body;
  std::vector<Part> parts;
  std::vector<ReceiptRef> receipts;
  size_t accounted_bytes = 0;
  int64_t opened_ns = 0;
  uint32_t senders = 0;  ///< That wait for its end.
  bool rereadable = true;
};

/// A request that is ready to send: encoded and compressed.
struct SealedRequest {
  explicit SealedRequest(Sequence& sequence) : sequence(sequence) {}

  Sequence& sequence;
  Bytes payload;  ///< Empty while it lies in the spool only.
  uint32_t payload_size = 0;
  uint32_t format_version = 1;
  std::vector<Part> parts;
  std::shared_ptr<ReceiptBundle> receipts;
  std::shared_ptr<SpoolHold> spooled;  ///< Set once it is durable, or made of one that is.
  bool own_record = false;             ///< `spooled` is this request's own record.
  int64_t sealed_ns = 0;
  size_t accounted_bytes = 0;
  uint32_t attempts = 0;
  uint32_t senders = 0;  ///< That wait for its end; 0 for a piece of one that was taken apart.
  bool rereadable = true;
  bool in_flight = false;    ///< Being loaded, sent or taken apart.
  bool spooling = false;     ///< An append is under way.
  bool taken_apart = false;  ///< Was made by a rework for one source's sake.
  CallId call = 0;
  std::list<SealedRequest*>::iterator in_memory;  ///< Valid while `listed`.
  bool listed = false;
  /// Tells the answer of an append that the request is gone.
  std::shared_ptr<SealedRequest*> spool_ticket;
};

struct Tenant {
  std::string name;
  int64_t held_bytes = 0;  ///< Payload bytes in memory and spool, this lane.
  int64_t wait_until_ns = 0;
};

/// What keeps its order: one request of it is in flight at a time.
struct Sequence {
  Tenant* tenant = nullptr;
  uint64_t shard = 0;
  bool recovered = false;  ///< Was found in the spool at start.
  std::unique_ptr<OpenRequest> open;
  std::deque<std::unique_ptr<SealedRequest>> queue;  ///< Oldest first; spooled ones lead.
  // Senders that were answered, or waited, at the last answer. Each sends its next request when it
  // has the answer to the last: they come together, and what waits for all of them goes out as one.
  uint32_t regulars = 0;
  int64_t regulars_back_by_ns = 0;
  bool in_flight = false;
  bool is_ready = false;  ///< In the sender's ready list.
  int64_t retry_at_ns = 0;
  Backoff backoff;
  std::atomic<uint64_t>* gate = nullptr;  ///< Older requests of the tenant that must go first.
};

}  // namespace tailrace::delivery
