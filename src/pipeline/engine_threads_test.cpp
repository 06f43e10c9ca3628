// The engine on real lanes with threads of their own: for ThreadSanitizer.

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "loop/lane_threads.h"
#include "pipeline/engine.h"
#include "testkit/crash_fs.h"
#include "testkit/line_plugins.h"
#include "testkit/processor_bench.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace std::chrono_literals;

namespace {

/// A server for channels of several threads: every third call fails, the others are noted.
class SharedServer final : public pipeline::NetFactory {
 public:
  Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig&,
                                                Metrics&) override {
    return std::unique_ptr<Channel>(std::make_unique<SharedChannel>(*this, lane));
  }
  Result<std::unique_ptr<HttpServer>> http_server(Lane&, const HttpServerConfig&, HttpHandler&,
                                                  bool) override {
    return fail(ErrorCode::unsupported, "no servers");
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::atomic<bool> away{false};

 private:
  class SharedChannel final : public Channel {
   public:
    SharedChannel(SharedServer& server, Lane& lane) : server_(server), lane_(lane) {}
    CallId call(const Call& call, std::function<void(CallResult)> done) override {
      CallResult result = server_.answer(call.body);
      const CallId id = ++last_id_;
      lane_.post([cancelled = std::weak_ptr<CallId>(not_cancelled_), done = std::move(done),
                  result = std::move(result)] {
        if (!cancelled.expired()) {
          done(result);
        }
      });
      return id;
    }
    void cancel(CallId) override { not_cancelled_ = std::make_shared<CallId>(0); }

   private:
    SharedServer& server_;
    Lane& lane_;
    CallId last_id_ = 0;
    std::shared_ptr<CallId> not_cancelled_ = std::make_shared<CallId>(0);
  };

  CallResult answer(std::string_view body) {
    CallResult result;
    std::lock_guard lock(mutex_);
    if (away || ++calls_ % 3 == 0) {
      result.status = 503;
      return result;
    }
    result.status = 204;
    for (size_t at = 0; at < body.size();) {
      const size_t end = body.find('\n', at);
      lines_.emplace_back(body.substr(at, end - at));
      at = end + 1;
    }
    return result;
  }

  std::mutex mutex_;
  uint64_t calls_ = 0;
  std::vector<std::string> lines_;
};

/// Waits on the test's own thread for something that other threads bring about.
class Event {
 public:
  void set() {
    std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

}  // namespace

TEST_CASE("Engine: on threads, everything arrives in order, through a stop and a start") {
  testkit::TempFolder folder;
  testkit::CrashFs disk;
  std::string paths;
  std::map<std::string, std::vector<std::string>> written;
  for (int i = 0; i < 8; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    paths += (i == 0 ? "\"" : ", \"") + folder.path(name) + "\"";
    written[name] = testkit::numbered(name + std::string(200, 'x'), 1500);
    testkit::append_lines(folder.path(name), written[name]);
  }
  const std::string yaml = fmt::format(R"(
agent: {{lanes: 3, state_dir: /state}}
inputs:
  files: {{type: lines, paths: [{}], block: 16384}}
outputs:
  one: {{type: words, url: "http://one/", batch: {{bytes: 16KiB, linger: 10ms}},
        buffer: {{memory: 2MiB, disk: 64MiB}}, spool_after: {{rereadable: 20ms}},
        retry: {{min_backoff: 1ms, max_backoff: 10ms}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                       paths);
  ConfigIssues issues;
  const auto config = config::load_text(yaml, testkit::line_plugins(), issues);
  REQUIRE(config);
  SharedServer server;
  for (const bool once : {false, true}) {
    CAPTURE(once);
    MetricsRegistry registry;
    loop::LaneThreads threads(config->lanes);
    pipeline::EngineOptions options;
    options.once = once;
    options.checkpoint_interval = 5ms;
    options.spool_segment_bytes = 64 * 1024;
    pipeline::Engine engine(*config, options, threads.lanes(), disk, server, registry);
    REQUIRE(engine.open());
    Event finished;
    Event stopped;
    engine.on_finished([&] { finished.set(); });
    server.away = !once;  // the first run ends in the spool
    threads.run();
    engine.start();
    for (int i = 0; i < 20; ++i) {
      Event seen;
      engine.snapshot([&](const std::vector<pipeline::LaneSnapshot>&) { seen.set(); });
      REQUIRE(seen.wait());
      registry.read();  // as the admin page does, on a thread of its own
    }
    if (once) {
      REQUIRE(finished.wait());
    }
    engine.begin_stop(0ms, [&] { stopped.set(); });
    REQUIRE(stopped.wait());
    threads.stop_and_join();
    CHECK(engine.close());
    CHECK(testkit::sum_of(registry.read(), "ledger_errors_total") == 0);
  }
  std::map<std::string, std::vector<std::string>> taken;
  for (const std::string& line : server.lines()) {
    taken[line.substr(0, 1)].push_back(line);
  }
  for (const auto& file : written) {
    INFO("file " << file.first);
    CHECK((taken[file.first] == file.second));
  }
}
