#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "tailrace/bytes.h"

#include "codec/growing_buffer.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::outputs::prometheus_remote_write {

/// What the bodies of one output on one lane share: memory that is worth keeping between two
/// requests but not for ever, and the version in which new ones are begun.
class BodyMemory {
 public:
  explicit BodyMemory(common::prom::WriteVersion version) : version_(version), sealed_(version) {}

  codec::GrowingBuffer take() noexcept { return std::move(spare_); }
  void give_back(codec::GrowingBuffer buffer) noexcept {
    buffer.clear();
    if (spare_.capacity() == 0) {
      spare_ = std::move(buffer);
    }
  }
  /// Nobody has sealed for a while: the system gets its memory back.
  void release() noexcept { spare_.release(); }
  size_t idle_bytes() const noexcept { return spare_.capacity(); }

  common::prom::WriteVersion version() const noexcept { return version_; }
  void set_version(common::prom::WriteVersion version) noexcept { version_ = version; }
  /// Of the body that was sealed last: one may have been begun before the version changed.
  common::prom::WriteVersion sealed_version() const noexcept { return sealed_; }
  void note_sealed(common::prom::WriteVersion version) noexcept { sealed_ = version; }

 private:
  common::prom::WriteVersion version_;
  common::prom::WriteVersion sealed_;
  codec::GrowingBuffer spare_;
};

}  // namespace tailrace::outputs::prometheus_remote_write
