#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/common/text/local_channel.h"
#include "plugins/outputs/file/locked_file.h"

namespace tailrace::outputs::file {

struct RotatingFileOptions {
  std::string path;
  uint64_t max_size = 100 << 20;
  uint32_t max_files = 5;
  bool sync = true;
};

/// Appends requests to a file that is rotated by size, whole and durable or not at all.
///
/// - A request that fails half-way is taken out of the file again. A crash may leave its first
///   lines, and half of one; the half is cut off before anything else is written.
/// - The file is locked while it is written to and looked at anew each time, so that several lanes,
///   a successor after a reload, and an external rotation get along.
/// - A request that is larger than the room in the file is spread over several, at line borders.
class RotatingFile final : public common::text::LocalSink {
 public:
  explicit RotatingFile(RotatingFileOptions options) : options_(std::move(options)) {}

  Result<size_t> write(std::string_view payload, size_t from) override;
  void give_up() noexcept override {}

  // Any thread.
  uint64_t rotations() const noexcept { return rotations_; }
  uint64_t torn_tails() const noexcept { return torn_tails_; }

 private:
  Status write_locked(std::string_view payload, uint64_t payload_hash);
  Status rotate();
  Status append(std::string_view text);
  size_t fitting(std::string_view rest) const noexcept;

  const RotatingFileOptions options_;
  LockedFile file_;
  std::atomic<uint64_t> rotations_{0};
  std::atomic<uint64_t> torn_tails_{0};

  // What of a payload that failed is durable in files that were rotated away since: not written
  // again when the same payload comes back.
  uint64_t resume_hash_ = 0;
  size_t resume_at_ = 0;
};

}  // namespace tailrace::outputs::file
