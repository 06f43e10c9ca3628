#include "cli/run.h"

#include <atomic>
#include <csignal>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/admin_server.h"
#include "base/log.h"
#include "base/metrics_registry.h"
#include "cli/net_factory.h"
#include "cli/progress.h"
#include "cli/startup_pages.h"
#include "loop/clock.h"
#include "loop/lane_threads.h"
#include "loop/uv_lane.h"
#include "pipeline/engine.h"
#include "pipeline/state_dir.h"

namespace tailrace::cli {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

void prepare_process() {
  // Files are many on a large node; the soft limit is for old programs that use select().
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Few arenas; and payloads come from memory that was used before instead of fresh pages of the
  // kernel's, which cost more than all of our own work on a request. What a burst took is given
  // back when the outputs have been empty for a while (delivery).
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 16 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
  std::signal(SIGPIPE, SIG_IGN);
}

int report(const Error& error) {
  log_line(LogLevel::error, "agent", "start", error.message);
  return 1;
}

}  // namespace

int run_agent(const config::AgentConfig& config, const RunOptions& options) {
  prepare_process();
  auto state_dir = pipeline::StateDir::take(config.state_dir);
  if (!state_dir) {
    return report(state_dir.error());
  }

  MetricsRegistry registry;
  const auto files = loop::make_posix_file_layer();
  // The main thread's own loop: signals, the admin server.
  loop::UvLane main_lane(config.lanes, config.lanes + 1, loop::system_clock());
  loop::LaneThreads threads(config.lanes);
  LaneNetFactory net(config.lanes);
  pipeline::EngineOptions engine_options;
  engine_options.once = options.once;
  pipeline::Engine engine(config, engine_options, threads.lanes(), *files, net, registry);
  if (Status opened = engine.open(); !opened) {
    return report(opened.error());
  }

  admin::AdminServer admin(main_lane, registry, [&](auto detail, auto done) {
    engine.snapshot(std::move(done), detail);
  });
  if (!config.admin.listen.empty()) {
    Status listening = admin.listen(
        config.admin.listen, [&](const HttpServerConfig& server, HttpHandler& handler) {
          return net::make_http_server(main_lane, server, handler, false);
        });
    if (!listening) {
      return report(listening.error());
    }
    const std::string& listen = config.admin.listen;
    log_line(
        LogLevel::info, "agent", "admin",
        fmt::format("admin listening on {}:{}", listen.substr(0, listen.rfind(':')), admin.port()));
  }

  bool stopping = false;
  auto stop = [&](const char* why) {
    if (stopping) {
      // A second signal: what is in memory only will be read again, or was not acknowledged.
      log_line(LogLevel::warn, "agent", "stop", "told to stop again: leaving at once");
      flush_log();
      _exit(1);
    }
    stopping = true;
    admin.set_state(admin::AdminServer::State::stopping);
    log_line(LogLevel::info, "agent", "stop",
             fmt::format("{}: reading has stopped, delivering what is left for up to {} s", why,
                         duration_cast<std::chrono::seconds>(config.shutdown_grace).count()));
    engine.begin_stop(duration_cast<milliseconds>(config.shutdown_grace),
                      [&] { main_lane.post([&] { main_lane.stop(); }); });
  };
  main_lane.on_signal(SIGTERM, [&] { stop("SIGTERM"); });
  main_lane.on_signal(SIGINT, [&] { stop("SIGINT"); });
  engine.on_finished([&] {
    main_lane.post([&] {
      if (!stopping) {
        stop("everything is delivered");
      }
    });
  });

  release_startup_pages();
  threads.run();
  engine.start();
  admin.set_state(admin::AdminServer::State::running);
  log_line(LogLevel::info, "agent", "start",
           fmt::format("running with {} lane{}, state in {}, memory limit {} MiB ({})",
                       config.lanes, config.lanes == 1 ? "" : "s", config.state_dir,
                       config.memory_limit.bytes >> 20, config.memory_limit_origin));
  {
    std::unique_ptr<Progress> progress;
    if (options.once) {
      progress = Progress::on_terminal(main_lane, registry);
    }
    main_lane.run();
  }
  threads.stop_and_join();
  const Status closed = engine.close();
  const uint64_t given_up = engine.records_given_up();
  if (options.once && given_up != 0) {
    log_line(LogLevel::error, "agent", "given_up",
             fmt::format("{} records were dropped or refused; the lines above say why", given_up));
  }
  flush_log();
  if (!closed) {
    return report(closed.error());
  }
  return options.once && given_up != 0 ? 1 : 0;
}

}  // namespace tailrace::cli
