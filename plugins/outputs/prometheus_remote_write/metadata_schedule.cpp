#include "plugins/outputs/prometheus_remote_write/metadata_schedule.h"

#include "codec/hash.h"

namespace tailrace::outputs::prometheus_remote_write {

namespace {
/// More sources or families than that are forgotten, and sent earlier again.
constexpr size_t kMost = 100'000;
}  // namespace

bool MetadataSchedule::begin_batch(uint64_t source) {
  const int64_t now = clock_.monotonic_ns();
  if (sources_.size() >= kMost) {
    sources_.clear();
  }
  const auto [known, is_new] = sources_.try_emplace(source, now);
  if (!is_new && now - known->second < interval_ns_) {
    return false;
  }
  known->second = now;
  return true;
}

bool MetadataSchedule::take(std::string_view tenant, const MetricFamily& family) {
  const int64_t now = clock_.monotonic_ns();
  if (families_.size() >= kMost) {
    families_.clear();
  }
  uint64_t content = codec::stable_hash(family.help, static_cast<uint64_t>(family.type));
  content = codec::stable_hash(family.unit, content);
  const uint64_t name = codec::stable_hash(family.name, codec::stable_hash(tenant));
  const auto [known, is_new] = families_.try_emplace(name, Sent{now, content});
  if (!is_new && known->second.content == content && now - known->second.at_ns < interval_ns_) {
    return false;
  }
  known->second = {now, content};
  return true;
}

}  // namespace tailrace::outputs::prometheus_remote_write
