#include "testkit/killable_files.h"

#include <utility>

namespace tailrace::testkit {

namespace {

tl::unexpected<Error> dead() {
  return fail(ErrorCode::io, "the process was killed");
}

}  // namespace

class KillableFiles::File final : public loop::StateFile {
 public:
  File(std::unique_ptr<loop::StateFile> below, std::shared_ptr<std::atomic<bool>> dead)
      : below_(std::move(below)), dead_(std::move(dead)) {}

  Status write_at(uint64_t offset, std::string_view bytes) override {
    return *dead_ ? Status(dead()) : below_->write_at(offset, bytes);
  }
  Result<std::string> read_at(uint64_t offset, size_t size) override {
    return *dead_ ? Result<std::string>(dead()) : below_->read_at(offset, size);
  }
  Result<uint64_t> size() override { return *dead_ ? Result<uint64_t>(dead()) : below_->size(); }
  Status truncate(uint64_t size) override {
    return *dead_ ? Status(dead()) : below_->truncate(size);
  }
  Status sync() override { return *dead_ ? Status(dead()) : below_->sync(); }

 private:
  std::unique_ptr<loop::StateFile> below_;
  std::shared_ptr<std::atomic<bool>> dead_;
};

Result<std::unique_ptr<loop::StateFile>> KillableFiles::open(const std::string& path, Open how) {
  if (*dead_) {
    return dead();
  }
  auto opened = below_.open(path, how);
  if (!opened) {
    return opened;
  }
  return std::unique_ptr<loop::StateFile>(std::make_unique<File>(std::move(*opened), dead_));
}

Status KillableFiles::rename(const std::string& from, const std::string& to) {
  return *dead_ ? Status(dead()) : below_.rename(from, to);
}

Status KillableFiles::remove(const std::string& path) {
  return *dead_ ? Status(dead()) : below_.remove(path);
}

Status KillableFiles::make_directories(const std::string& path) {
  return *dead_ ? Status(dead()) : below_.make_directories(path);
}

Status KillableFiles::sync_directory(const std::string& path) {
  return *dead_ ? Status(dead()) : below_.sync_directory(path);
}

Result<std::vector<std::string>> KillableFiles::list(const std::string& path) {
  return *dead_ ? Result<std::vector<std::string>>(dead()) : below_.list(path);
}

Result<uint64_t> KillableFiles::free_bytes(const std::string& path) {
  return *dead_ ? Result<uint64_t>(dead()) : below_.free_bytes(path);
}

}  // namespace tailrace::testkit
