#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/otlp_batch.h"

#include "plugins/common/otlp/proto_of_test.h"

namespace tailrace::common::otlp::test {

/// An OtlpBatch that owns everything, as an input makes one of a checked body.
class OtlpBatchOf {
 public:
  /// Each resource with the number of its records.
  OtlpBatchOf(Signal signal, std::vector<std::pair<Proto, uint32_t>> resources)
      : batch_(signal), resources_(std::move(resources)) {
    for (const auto& [message, records] : resources_) {
      views_.push_back(message.bytes());
      records_.push_back(records);
      bytes_.push_back(static_cast<uint32_t>(message.bytes().size()));
    }
    batch_.size = static_cast<uint32_t>(views_.size());
    batch_.resources = views_.data();
    batch_.records = records_.data();
    batch_.source_bytes = bytes_.data();
  }
  OtlpBatch& batch() noexcept { return batch_; }

 private:
  OtlpBatch batch_;
  std::vector<std::pair<Proto, uint32_t>> resources_;
  std::vector<std::string_view> views_;
  std::vector<uint32_t> records_;
  std::vector<uint32_t> bytes_;
};

/// The messages of a batch, for PluginHarness.
inline std::string text_of_resources(const Batch& batch) {
  std::string text;
  for (uint32_t i = 0; i < otlp_cast(batch)->size; ++i) {
    text.append(otlp_cast(batch)->resources[i]).append("\n");
  }
  return text;
}

}  // namespace tailrace::common::otlp::test
