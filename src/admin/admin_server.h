#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/lane.h"

#include "base/metrics_registry.h"
#include "pipeline/engine.h"

namespace tailrace::admin {

/// The admin port: metrics, health, what is under way, and a page for people. Nothing here changes
/// anything or shows the content of logs.
///
///   GET /metrics          Prometheus text
///   GET /healthz          200 while every lane's loop turns
///   GET /readyz           200 once the config runs, 503 before and while stopping; outputs that
///                         are not well are told in the body
///   GET /api/v1/status    version, state, complaints
///   GET /api/v1/ledger    the books, lanes added up
///   GET /api/v1/files     what inputs have under way, file by file
///   GET /api/v1/targets   targets of inputs that fetch, in the shape of Prometheus's own API
///   GET /                 the page
///
/// Lane: the main thread's own.
class AdminServer final : private HttpHandler {
 public:
  enum class State { starting, running, stopping };
  /// Asks the engine for a picture of all lanes; the answer may come on any thread.
  using Collect = std::function<void(pipeline::SnapshotDetail,
                                     std::function<void(std::vector<pipeline::LaneSnapshot>)>)>;
  using Listen =
      std::function<Result<std::unique_ptr<HttpServer>>(const HttpServerConfig&, HttpHandler&)>;

  AdminServer(Lane& lane, MetricsRegistry& registry, Collect collect);
  ~AdminServer() override;

  Status listen(const std::string& address, const Listen& listen);
  uint16_t port() const noexcept { return server_ == nullptr ? 0 : server_->port(); }
  void set_state(State state) noexcept { state_ = state; }

 private:
  using Snapshots = std::vector<pipeline::LaneSnapshot>;
  using Answer = std::function<void(HttpExchange&, const Snapshots&)>;
  struct Pending;

  uint64_t on_head(const std::shared_ptr<HttpExchange>& exchange) override;
  void on_body(const std::shared_ptr<HttpExchange>& exchange, Bytes body,
               size_t body_size) override;
  void on_end(const std::shared_ptr<HttpExchange>& exchange) override;
  void with_snapshot(const std::shared_ptr<HttpExchange>& exchange, Answer answer,
                     pipeline::SnapshotDetail detail = pipeline::SnapshotDetail::usual);

  void answer_metrics(HttpExchange& exchange);
  void answer_ready(HttpExchange& exchange, const Snapshots& lanes);
  void answer_status(HttpExchange& exchange, const Snapshots& lanes);

  Lane& lane_;
  MetricsRegistry& registry_;
  Collect collect_;
  State state_ = State::starting;
  int64_t started_ns_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<HttpServer> server_;
};

}  // namespace tailrace::admin
