#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/otlp_batch.h"
#include "tailrace/plugin.h"

#include "codec/compression.h"
#include "codec/proto_reader.h"
#include "plugins/common/otlp/messages.h"
#include "plugins/common/otlp/proto_of_test.h"
#include "plugins/common/otlp/request_checker.h"
#include "testkit/samples.h"

namespace tailrace {
extern const PluginDescriptor outputs_otlp_plugin;
}

namespace tailrace::common::otlp::test {

/// The content of a payload of any compression.
inline std::string uncompressed(std::string_view payload) {
  for (const auto format : {codec::Compression::gzip, codec::Compression::zstd}) {
    if (const auto plain = codec::decompress(format, payload, 1 << 30)) {
      return std::string(plain->view());
    }
  }
  return std::string(payload);
}

inline void add_records(std::string_view message, MessageType type, const std::string& way,
                        std::vector<std::string>& out) {
  codec::ProtoReader others(message);
  std::string own = way;
  while (others.next()) {
    const auto inner = field_of(type, others.field()).message;
    if (others.wire_type() != codec::WireType::bytes) {
      others.skip();
    } else if (const auto content = others.bytes(); !is_record(inner) && !holds_records(inner)) {
      own.append(content).append("|");
    }
  }
  codec::ProtoReader records(message);
  while (records.next()) {
    const auto inner = field_of(type, records.field()).message;
    if (records.wire_type() != codec::WireType::bytes) {
      records.skip();
    } else if (const auto content = records.bytes(); is_record(inner)) {
      out.push_back(own + std::string(content));
    } else if (holds_records(inner)) {
      add_records(content, inner, own, out);
    }
  }
}

/// The records of a request, each with what its resource and scope say.
inline std::vector<std::string> records_of(Signal signal, std::string_view request) {
  std::vector<std::string> out;
  codec::ProtoReader reader(request);
  while (reader.next()) {
    add_records(reader.bytes(), resource_of(signal), "", out);
  }
  return out;
}

/// A batch of resources, as the input makes it.
inline testkit::Sample sample_of(std::string name, Signal signal, std::vector<Proto> resources) {
  return {std::move(name),
          [signal, resources = std::move(resources)](testkit::ManualLane&, const auto& use) {
            std::vector<std::string_view> views;
            std::vector<uint32_t> records;
            std::vector<uint32_t> bytes;
            RequestChecker checker;
            for (const auto& resource : resources) {
              views.push_back(resource.bytes());
              const auto whole = request_of_resources({resource});
              (void)checker.check(signal, whole.bytes());
              records.push_back(static_cast<uint32_t>(checker.records()));
              bytes.push_back(static_cast<uint32_t>(whole.bytes().size()));
            }
            OtlpBatch batch(signal);
            batch.size = static_cast<uint32_t>(views.size());
            batch.resources = views.data();
            batch.records = records.data();
            batch.source_bytes = bytes.data();
            use(batch);
          }};
}

}  // namespace tailrace::common::otlp::test
