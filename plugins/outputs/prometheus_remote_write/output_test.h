#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/channel.h"
#include "tailrace/plugin.h"

#include "plugins/common/prom/metric_batch_of_test.h"
#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"
#include "testkit/config_text.h"
#include "testkit/output_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_prometheus_remote_write_plugin;
}

namespace tailrace::outputs::prometheus_remote_write::test {

using common::prom::WriteVersion;
using common::prom::test::MetricBatchOf;
using common::prom::test::records_of;
using common::prom::test::uncompressed;

inline constexpr const char* kV2 = "protobuf_message: io.prometheus.write.v2.Request\n";

class NoChannel final : public Channel {
 public:
  CallId call(const Call&, std::function<void(CallResult)>) override { return 1; }
  void cancel(CallId) override {}
};

inline std::shared_ptr<const RemoteWriteConfig> config_of(const std::string& yaml) {
  auto read = testkit::read_config<RemoteWriteConfig>(remote_write_schema(),
                                                      "url: http://prom/api/v1/write\n" + yaml);
  INFO((read.ok() ? std::string() : read.errors()[0]));
  REQUIRE(read.ok());
  return std::make_shared<const RemoteWriteConfig>(std::move(read.config));
}

/// The output on a bench, from options as a user writes them.
class Bench {
 public:
  explicit Bench(const std::string& yaml = {}, size_t batch_bytes = 1 << 20, uint64_t shards = 1)
      : bench_(outputs_prometheus_remote_write_plugin, config_of(yaml), batch_bytes,
               std::make_unique<NoChannel>(), shards) {
    REQUIRE(bench_.error() == "");
  }
  testkit::OutputBench* operator->() { return &bench_; }

  /// What comes of one batch, in order of the requests.
  std::vector<std::string> records(MetricBatchOf& batch, bool with_metadata = false) {
    bench_.append(batch.batch());
    std::vector<std::string> all;
    for (const auto& request : bench_.seal()) {
      for (std::string& text : records_of(static_cast<WriteVersion>(request.format_version),
                                          uncompressed(request.payload.view()), with_metadata)) {
        all.push_back(request.tenant.empty() ? std::move(text) : request.tenant + ": " + text);
      }
    }
    return all;
  }
  CallResult answer(int status, Headers headers = {}, std::string body = {}) {
    CallResult result;
    result.status = status;
    result.headers = std::move(headers);
    result.body = std::move(body);
    return result;
  }

 private:
  testkit::OutputBench bench_;
};

}  // namespace tailrace::outputs::prometheus_remote_write::test
