#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/channel.h"
#include "tailrace/plugin.h"

#include "codec/snappy.h"
#include "plugins/common/loki/push_reader.h"
#include "plugins/outputs/loki/loki_config.h"
#include "testkit/output_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_loki_plugin;
}

namespace tailrace::outputs::loki::test {

/// A channel that notes the call and gives the answer that the test has set.
class PlayedChannel final : public Channel {
 public:
  struct Played {
    Call call;
    std::string body;
    CallResult answer;
  };
  PlayedChannel(Lane& lane, std::shared_ptr<Played> played)
      : lane_(lane), played_(std::move(played)) {}
  CallId call(const Call& call, std::function<void(CallResult)> done) override {
    played_->call = call;
    played_->body = call.body;
    lane_.post([done = std::move(done), played = played_] { done(played->answer); });
    return 1;
  }
  void cancel(CallId) override {}

 private:
  Lane& lane_;
  std::shared_ptr<Played> played_;
};

/// Hands its calls to a channel that is made later.
class LateChannel final : public Channel {
 public:
  explicit LateChannel(std::shared_ptr<std::unique_ptr<Channel>> real) : real_(std::move(real)) {}
  CallId call(const Call& call, std::function<void(CallResult)> done) override {
    return (*real_)->call(call, std::move(done));
  }
  void cancel(CallId id) override { (*real_)->cancel(id); }

 private:
  std::shared_ptr<std::unique_ptr<Channel>> real_;
};

/// The output on a bench, with a server that the test plays.
class LokiBench {
 public:
  explicit LokiBench(LokiConfig config = {}, size_t batch_bytes = 1 << 20) {
    if (config.url.empty()) {
      config.url = "http://loki:3100/loki/api/v1/push";
    }
    auto real = std::make_shared<std::unique_ptr<Channel>>();
    bench_ = std::make_unique<testkit::OutputBench>(
        outputs_loki_plugin, std::make_shared<const LokiConfig>(std::move(config)), batch_bytes,
        std::make_unique<LateChannel>(real));
    REQUIRE(bench_->error() == "");
    *real = std::make_unique<PlayedChannel>(bench_->lane(), played);
  }
  testkit::OutputBench* operator->() { return bench_.get(); }

  std::shared_ptr<PlayedChannel::Played> played = std::make_shared<PlayedChannel::Played>();

 private:
  std::unique_ptr<testkit::OutputBench> bench_;
};

struct Entry {
  std::string labels;
  int64_t timestamp = 0;
  std::string line;
  std::vector<std::pair<std::string, std::string>> metadata;
  friend bool operator==(const Entry&, const Entry&) = default;
};

inline std::string uncompressed(std::string_view payload) {
  const auto body = codec::snappy_uncompress(payload, 1 << 30);
  REQUIRE(body);
  return std::string(body->view());
}

/// Every entry of a payload, as the receiving side reads it.
inline std::vector<Entry> entries_of(std::string_view payload) {
  const auto body = codec::snappy_uncompress(payload, 1 << 30);
  REQUIRE(body);
  tailrace::loki::PushReader reader;
  REQUIRE(reader.check(tailrace::loki::PushFormat::protobuf, body->view()));
  std::vector<Entry> entries;
  reader.read(tailrace::loki::PushFormat::protobuf, body->view(),
              [&](tailrace::loki::PushChunk& chunk) {
                std::string labels = "{";
                for (const Label& label : chunk.labels) {
                  labels += (labels.size() > 1 ? ", " : "") + std::string(label.name) + "=\"" +
                            std::string(label.value) + "\"";
                }
                labels += "}";
                for (size_t i = 0; i < chunk.lines.size(); ++i) {
                  Entry& entry = entries.emplace_back();
                  entry.labels = labels;
                  entry.timestamp = chunk.timestamps[i];
                  entry.line = chunk.lines[i];
                  for (uint32_t m = 0; m < chunk.metadata[i].count; ++m) {
                    entry.metadata.emplace_back(chunk.metadata[i].pairs[m].name,
                                                chunk.metadata[i].pairs[m].value);
                  }
                }
              });
  return entries;
}

}  // namespace tailrace::outputs::loki::test
