#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "loop/file_layer.h"

namespace tailrace::testkit {

/// A file layer for a process that is to be killed: after kill() nothing is written any more, so
/// that destructors tidy up in vain, and what was written before is still there, synced or not.
///
/// Any thread. The layer below must outlive this and its files.
class KillableFiles final : public loop::FileLayer {
 public:
  explicit KillableFiles(loop::FileLayer& below) : below_(below) {}
  void kill() noexcept { *dead_ = true; }

  Result<std::unique_ptr<loop::StateFile>> open(const std::string& path, Open how) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<uint64_t> free_bytes(const std::string& path) override;

 private:
  class File;
  loop::FileLayer& below_;
  std::shared_ptr<std::atomic<bool>> dead_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace tailrace::testkit
