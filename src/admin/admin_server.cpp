#include "admin/admin_server.h"

#include <map>
#include <tuple>

#include <fmt/format.h>

#include "admin/json_text.h"
#include "admin/page.h"
#include "admin/prometheus_text.h"
#include "admin/targets_json.h"
#include "version_info.h"

namespace tailrace::admin {

namespace {

using pipeline::LaneSnapshot;

/// A loop that has not answered for this long does not turn.
constexpr std::chrono::milliseconds kLaneAnswer{5000};

const Headers& as_json() {
  static const Headers headers = {{"content-type", "application/json"},
                                  {"cache-control", "no-store"}};
  return headers;
}

const Headers& as_text() {
  static const Headers headers = {{"content-type", "text/plain; charset=utf-8"},
                                  {"cache-control", "no-store"}};
  return headers;
}

void add_weight(JsonText& json, std::string_view name, const Weight& weight) {
  json.key(name).open('{');
  json.key("records").value(weight.records);
  json.key("bytes").value(weight.bytes);
  json.close('}');
}

std::string ledger_json(const std::vector<LaneSnapshot>& lanes) {
  using Row = delivery::Ledger::Row;
  std::map<std::tuple<std::string, std::string, std::string>, Row> sums;
  bool balanced = true;
  for (const LaneSnapshot& lane : lanes) {
    for (const Row& row : lane.ledger) {
      Row& sum = sums[{row.input, row.pipeline, row.output}];
      balanced = balanced && row.balanced;
      sum.taken += row.taken;
      sum.found += row.found;
      sum.delivered += row.delivered;
      sum.refused += row.refused;
      sum.dropped += row.dropped;
      sum.filtered += row.filtered;
      for (size_t i = 0; i < delivery::kStages; ++i) {
        sum.waiting[i] += row.waiting[i];
      }
    }
  }
  JsonText json;
  json.open('{').key("balanced").value(balanced).key("cells").open('[');
  for (const auto& [key, row] : sums) {
    json.open('{');
    json.key("input").value(std::get<0>(key));
    json.key("pipeline").value(std::get<1>(key));
    json.key("output").value(std::get<2>(key));
    add_weight(json, "taken", row.taken);
    add_weight(json, "found", row.found);
    add_weight(json, "delivered", row.delivered);
    add_weight(json, "refused", row.refused);
    add_weight(json, "dropped", row.dropped);
    add_weight(json, "filtered", row.filtered);
    static constexpr const char* kStageNames[] = {"carried", "open", "queued", "in_flight",
                                                  "spooled"};
    Weight waiting;
    json.key("stages").open('{');
    for (size_t i = 0; i < delivery::kStages; ++i) {
      waiting += row.waiting[i];
      add_weight(json, kStageNames[i], row.waiting[i]);
    }
    json.close('}');
    add_weight(json, "waiting", waiting);
    json.close('}');
  }
  return json.close(']').close('}').take();
}

std::string files_json(const std::vector<LaneSnapshot>& lanes) {
  JsonText json;
  json.open('{').key("files").open('[');
  for (const LaneSnapshot& lane : lanes) {
    for (const auto& [input, source] : lane.sources) {
      json.open('{');
      json.key("input").value(input);
      json.key("path").value(source.name);
      json.key("state").value(source.state);
      json.key("position").value(source.position);
      json.key("size").value(source.size);
      json.key("settled").value(source.settled);
      json.key("waiting_bytes").value(source.waiting_bytes);
      json.key("lag_bytes").value(source.size - std::min(source.size, source.position));
      json.key("lag_seconds").value(source.lag_seconds);
      json.close('}');
    }
  }
  return json.close(']').close('}').take();
}

const char* name_of(AdminServer::State state) {
  switch (state) {
    case AdminServer::State::starting:
      return "starting";
    case AdminServer::State::running:
      return "running";
    case AdminServer::State::stopping:
      return "stopping";
  }
  return "unknown";
}

}  // namespace

AdminServer::AdminServer(Lane& lane, MetricsRegistry& registry, Collect collect)
    : lane_(lane),
      registry_(registry),
      collect_(std::move(collect)),
      started_ns_(lane.clock().monotonic_ns()) {
  // Whoever reads: the page here, or an input that ships our own metrics.
  registry.on_read([&metrics = registry.scope(0, {})] { update_process_metrics(metrics); });
}

AdminServer::~AdminServer() = default;

Status AdminServer::listen(const std::string& address, const Listen& listen) {
  HttpServerConfig config;
  config.listen = address;
  config.max_connections = 64;
  auto server = listen(config, *this);
  if (!server) {
    return fail(server.error().code, "agent.admin.listen: " + server.error().message);
  }
  server_ = std::move(*server);
  return {};
}

uint64_t AdminServer::on_head(const std::shared_ptr<HttpExchange>& exchange) {
  const HttpRequestHead& head = exchange->head();
  static constexpr std::string_view kPaths[] = {"/",
                                                "/metrics",
                                                "/healthz",
                                                "/readyz",
                                                "/api/v1/status",
                                                "/api/v1/ledger",
                                                "/api/v1/files",
                                                "/api/v1/targets"};
  if (std::ranges::find(kPaths, head.path) == std::end(kPaths)) {
    exchange->reply(404, as_text(), "not found; see /\n");
    return 0;
  }
  if (head.method != "GET" && head.method != "HEAD") {
    exchange->reply(405, {{"content-type", "text/plain"}, {"allow", "GET, HEAD"}},
                    "this port only answers questions\n");
    return 0;
  }
  return 1;  // a body is not expected and not looked at
}

void AdminServer::on_body(const std::shared_ptr<HttpExchange>& exchange, Bytes, size_t) {
  const std::string& path = exchange->head().path;
  if (path == "/") {
    // No script of anybody else's, and nothing that is not ours.
    exchange->reply(200,
                    {{"content-type", "text/html; charset=utf-8"},
                     {"content-security-policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src "
                      "'unsafe-inline'; connect-src 'self'"}},
                    std::string(kPage));
  } else if (path == "/metrics") {
    with_snapshot(exchange, [this](HttpExchange& to, const Snapshots&) { answer_metrics(to); });
  } else if (path == "/healthz") {
    with_snapshot(exchange,
                  [](HttpExchange& to, const Snapshots&) { to.reply(200, as_text(), "ok\n"); });
  } else if (path == "/readyz") {
    with_snapshot(exchange,
                  [this](HttpExchange& to, const Snapshots& lanes) { answer_ready(to, lanes); });
  } else if (path == "/api/v1/ledger") {
    with_snapshot(exchange, [](HttpExchange& to, const Snapshots& lanes) {
      to.reply(200, as_json(), ledger_json(lanes));
    });
  } else if (path == "/api/v1/files") {
    with_snapshot(exchange, [](HttpExchange& to, const Snapshots& lanes) {
      to.reply(200, as_json(), files_json(lanes));
    });
  } else if (path == "/api/v1/targets") {
    with_snapshot(
        exchange,
        [](HttpExchange& to, const Snapshots& lanes) {
          to.reply(200, as_json(), targets_json(lanes, read_targets_query(to.head().query)));
        },
        pipeline::SnapshotDetail::targets);
  } else {
    with_snapshot(exchange,
                  [this](HttpExchange& to, const Snapshots& lanes) { answer_status(to, lanes); });
  }
}

void AdminServer::on_end(const std::shared_ptr<HttpExchange>&) {}

/// An answer that waits for the lanes.
struct AdminServer::Pending {
  std::shared_ptr<HttpExchange> exchange;
  Answer answer;
  std::unique_ptr<Timer> timeout;
};

void AdminServer::with_snapshot(const std::shared_ptr<HttpExchange>& exchange, Answer answer,
                                pipeline::SnapshotDetail detail) {
  auto pending = std::make_shared<Pending>();
  pending->exchange = exchange;
  pending->answer = std::move(answer);
  pending->timeout = lane_.timer([weak = std::weak_ptr<Pending>(pending)] {
    if (const auto late = weak.lock(); late != nullptr && !late->exchange->replied()) {
      late->exchange->reply(503, as_text(),
                            "a lane has not answered for 5 s: its loop does not turn\n");
    }
  });
  pending->timeout->start(kLaneAnswer);
  collect_(detail, [alive = std::weak_ptr<bool>(alive_), pending, lane = &lane_](Snapshots lanes) {
    lane->post([alive, pending, lanes = std::move(lanes)] {
      pending->timeout.reset();
      if (!alive.expired() && !pending->exchange->replied()) {
        pending->answer(*pending->exchange, lanes);
      }
      pending->exchange.reset();
    });
  });
}

void AdminServer::answer_metrics(HttpExchange& exchange) {
  exchange.reply(200, {{"content-type", kPrometheusTextType}},
                 to_prometheus_text(registry_.read()));
}

void AdminServer::answer_ready(HttpExchange& exchange, const Snapshots& lanes) {
  std::string text = fmt::format("{}\n", name_of(state_));
  std::map<std::string, std::string> complaints;
  for (const LaneSnapshot& lane : lanes) {
    complaints.insert(lane.complaints.begin(), lane.complaints.end());
  }
  for (const auto& [output, complaint] : complaints) {
    text += fmt::format("output {}: {}\n", output, complaint);
  }
  exchange.reply(state_ == State::running ? 200 : 503, as_text(), std::move(text));
}

void AdminServer::answer_status(HttpExchange& exchange, const Snapshots& lanes) {
  std::map<std::string, std::string> complaints;
  uint64_t files = 0;
  uint64_t lag_bytes = 0;
  double lag_seconds = 0;
  for (const LaneSnapshot& lane : lanes) {
    complaints.insert(lane.complaints.begin(), lane.complaints.end());
    for (const auto& [input, source] : lane.sources) {
      ++files;
      lag_bytes += source.size - std::min(source.size, source.position);
      lag_seconds = std::max(lag_seconds, source.lag_seconds);
    }
  }
  JsonText json;
  json.open('{');
  json.key("version").value(TAILRACE_VERSION);
  json.key("state").value(name_of(state_));
  json.key("uptime_seconds")
      .value(static_cast<double>((lane_.clock().monotonic_ns() - started_ns_) / 1'000'000) / 1000);
  json.key("lanes").value(static_cast<uint64_t>(lanes.size()));
  json.key("sources").value(files);
  json.key("lag_bytes").value(lag_bytes);
  json.key("lag_seconds").value(lag_seconds);
  json.key("complaints").open('[');
  for (const auto& [output, complaint] : complaints) {
    json.open('{').key("output").value(output).key("text").value(complaint).close('}');
  }
  json.close(']').close('}');
  exchange.reply(200, as_json(), json.take());
}

}  // namespace tailrace::admin
