#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/grpc.h"
#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/log.h"
#include "tailrace/memory_account.h"
#include "tailrace/metrics.h"
#include "tailrace/result.h"

namespace tailrace {

/// Where an input puts its records: the door to all pipelines that it feeds on this lane.
///
/// The order of one unit:
///   if (!feed.credit(bytes)) return;        // on_credit() will be called when there is some
///   feed.begin_unit();                      // resets the lane's arena
///   … read, frame, build batches in the arena …
///   feed.push(batch);                       // any number of times
class Feed {
 public:
  virtual ~Feed() = default;

  /// True when every output that this input feeds has room for the worst case of a unit of `bytes`
  /// (<= kMaxBlockBytes of source bytes and kMaxUnitRecords records per 256 KiB; larger bodies ask
  /// for their size). If false, Input::on_credit is called once there is room.
  virtual bool credit(size_t bytes) = 0;
  /// The same for a source that loses nothing by waiting (a file). Also false while an output keeps
  /// taking requests but has enough of them: reading on would only move them to its spool.
  virtual bool credit_to_read_on(size_t bytes) { return credit(bytes); }
  /// False while some output takes no requests and has no room for them on disk either: what comes
  /// now stays in memory, unsettled, until one of the two changes. For who would keep somebody
  /// waiting for that; asked again when somebody comes, not woken.
  virtual bool may_settle() const { return true; }
  virtual void begin_unit() = 0;
  /// Runs the batch through every pipeline of its signal, to every output, before it returns.
  virtual void push(Batch& batch) noexcept = 0;
  /// Tells the ledger of records that the input has taken and carries in its own state (lines of
  /// an unfinished record). They are handed over later as Batch::from_carry. For inputs of one
  /// signal only: the books are kept for all pipelines that the input feeds.
  virtual void carry(Weight weight) noexcept = 0;
  /// Tells the ledger that records which were taken (carried ones if `carried`) are given up here,
  /// by design (an empty record, a malformed one): counted as filtered.
  virtual void filtered(Weight weight, bool carried) noexcept = 0;
  /// Something was lost before it could be read, or must be dropped because of a limit. Counted by
  /// reason as `dropped`; does not enter the books of the ledger unless it was carried.
  virtual void lost(Weight weight, std::string_view reason, bool carried) noexcept = 0;
};

/// An input's lines in the agent's one checkpoint file: opaque keys and values.
///
/// put/erase are remembered in memory and written within a second, all changes of one moment
/// together. Lane: the input's.
class Checkpoints {
 public:
  virtual ~Checkpoints() = default;
  /// All rows of this input (of all lanes), as they were when the agent started.
  virtual const std::vector<std::pair<std::string, std::string>>& at_start() const = 0;
  virtual void put(std::string key, std::string value) = 0;
  virtual void erase(std::string key) = 0;
  /// Like put, and calls `done` on the lane after the row is fsynced. For decisions that a replay
  /// must repeat. On a failing disk it is tried again until it works or the lane stops.
  virtual void put_durable(std::string key, std::string value, std::function<void()> done) = 0;
};

/// What the engine gives to an input. Everything outlives the input.
class InputContext {
 public:
  virtual ~InputContext() = default;
  virtual const std::string& name() const noexcept = 0;
  virtual Lane& lane() noexcept = 0;
  virtual Feed& feed() noexcept = 0;
  virtual Checkpoints& checkpoints() noexcept = 0;
  virtual MemoryAccount& memory() noexcept = 0;
  virtual Metrics& metrics() noexcept = 0;
  virtual const Log& log() noexcept = 0;
  /// True under `run --once`: read everything that is there, then call finished().
  virtual bool once() const noexcept = 0;
  /// Under `once`: this input (on this lane) has read all there is.
  virtual void finished() = 0;
  /// The agent's own metrics, now. Brings the gauges of this lane up to date; those of other lanes
  /// are as each has last updated its own.
  virtual std::vector<OwnMetric> own_metrics() { return {}; }
  /// Brings the gauges of this lane up to date.
  virtual void update_own_gauges() {}
  /// For an input that fetches (a scrape).
  virtual Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig& config) = 0;
  /// All lanes listen on one address (SO_REUSEPORT); port 0 becomes the same port for all lanes.
  virtual Result<std::unique_ptr<HttpServer>> http_server(const HttpServerConfig& config,
                                                          HttpHandler& handler) = 0;
  /// All lanes share one address and its connections; calls are dealt to lanes by client.
  virtual Result<std::unique_ptr<HttpServer>> grpc_server(const GrpcServerConfig&, HttpHandler&) {
    return fail(ErrorCode::unsupported, "gRPC is not available here");
  }
};

/// One row of GET /api/v1/files and the like: what an input has under way.
struct SourceStatus {
  std::string name;  // a path, a target, a client
  uint64_t position = 0;
  uint64_t size = 0;
  uint64_t settled = 0;        // the checkpoint
  uint64_t waiting_bytes = 0;  // read, not settled yet
  double lag_seconds = 0;
  std::string state;  // "reading", "idle", "rotated", "unreadable: permission denied"
};

/// One target of an input that fetches, as it is shown to people.
struct TargetStatus {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  std::string pool;  ///< The job.
  Pairs discovered_labels;
  Pairs labels;  ///< Empty for a dropped one.
  bool dropped = false;
  uint64_t dropped_more = 0;  ///< With a dropped one: so many of its job are not told.
  std::string url;
  std::string health = "unknown";  ///< "up", "down", "unknown".
  std::string last_error;          ///< "" = the last one worked.
  int64_t last_scrape_ns = 0;      ///< Since the Unix epoch; 0 = never.
  double last_duration_seconds = 0;
  double interval_seconds = 0;
  double timeout_seconds = 0;
  uint64_t samples = 0;  ///< Of the last one, before metric_relabel_configs.
  uint64_t samples_after_relabel = 0;
  /// From the last one of the run before to the first one of this run; 0 = not known.
  double gap_seconds = 0;
};

/// Takes records from somewhere. One instance per lane.
///
/// Lifecycle: constructed and open()ed on the main thread before the lane runs; from start() on
///            everything runs on the lane. stop() ends reading; the instance lives on until all
///            its receipts are released or the grace has passed.
class Input {
 public:
  virtual ~Input() = default;
  /// Takes what can be refused at start: ports, directories.
  virtual Status open() { return {}; }
  virtual void start() = 0;
  virtual void stop() = 0;
  /// Credit was refused earlier and is there again.
  virtual void on_credit() = 0;
  /// For the admin API; called on the lane.
  virtual std::vector<SourceStatus> sources() const { return {}; }
  /// The same for an input that fetches: its targets on this lane, and (on the first lane only)
  /// those that were found and dropped.
  virtual std::vector<TargetStatus> targets() const { return {}; }
  /// Called on the lane every few seconds when metrics are read: bring gauges up to date.
  virtual void update_gauges() {}
};

}  // namespace tailrace
