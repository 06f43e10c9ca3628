#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/plugin.h"

#include "codec/proto_writer.h"
#include "plugins/common/prom/metric_batch_of_test.h"
#include "testkit/engine_bench.h"

namespace tailrace {
extern const PluginDescriptor inputs_prometheus_remote_write_plugin;
extern const PluginDescriptor outputs_prometheus_remote_write_plugin;
}  // namespace tailrace

namespace tailrace::inputs::prometheus_remote_write::test {

using common::prom::WriteVersion;
using common::prom::test::records_of;
using common::prom::test::uncompressed;

inline const PluginDescriptor* const kGatewayPlugins[] = {&inputs_prometheus_remote_write_plugin,
                                                          &outputs_prometheus_remote_write_plugin};
inline constexpr const char* kGateway = R"(
inputs:
  in: {type: prometheus_remote_write, listen: "127.0.0.1:0", tenant_label: tenant}
outputs:
  out:
    type: prometheus_remote_write
    url: "http://prom/api/v1/write"
    tenant_label: tenant
    send_exemplars: true
    send_native_histograms: true
pipelines:
  p: {inputs: [in], outputs: [out]}
)";

inline Headers v1_headers() {
  return {{"content-type", "application/x-protobuf"}, {"content-encoding", "snappy"}};
}
inline Headers v2_headers() {
  return {{"content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
          {"content-encoding", "snappy"}};
}

/// A length-delimited field.
inline std::string field(uint32_t number, std::string_view content) {
  std::string out(codec::bytes_field_size(number, content.size()), '\0');
  codec::write_bytes_field(out.data(), number, content);
  return out;
}
inline std::string label(std::string_view name, std::string_view value) {
  return field(1, field(1, name) + field(2, value));
}
inline std::string sample(uint32_t number, double value, int64_t timestamp) {
  char text[64];
  char* end = codec::write_double_field(text, 1, value);
  end = codec::write_varint_field(end, 2, static_cast<uint64_t>(timestamp));
  return field(number, {text, static_cast<size_t>(end - text)});
}
/// A TimeSeries of 1.0 as a field of the request; labels in the order given.
inline std::string series(const std::vector<std::pair<std::string, std::string>>& labels,
                          const std::vector<std::pair<double, int64_t>>& samples) {
  std::string content;
  for (const auto& [name, value] : labels) {
    content += label(name, value);
  }
  for (const auto& [value, timestamp] : samples) {
    content += sample(2, value, timestamp);
  }
  return field(1, content);
}
inline std::string snappied(std::string_view body) {
  const Bytes bytes = codec::snappy_literals({&body, 1});
  return std::string(bytes.view());
}

}  // namespace tailrace::inputs::prometheus_remote_write::test
