#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/file_layer.h"

namespace tailrace::testkit {

/// A file system in memory that loses what was not fsynced, for tests of everything that must
/// survive a power loss, a full disk or a dying one.
///
/// Every mutating operation (creation, write, truncation, sync, rename, removal, new folder) is
/// numbered from 1. A test crashes the machine at operation N, then asks for the states in which
/// the disk may be found afterwards:
///
///   CrashFs disk;
///   disk.crash_at(17);
///   run_the_code_under_test(disk);            // its 17th operation and all later ones fail
///   auto after = disk.survive(seed);          // what a new process finds
///
/// The model is the strict one of POSIX: only bytes that were synced by file, and names that were
/// synced by folder, are certain. What was not may be there wholly, torn at any byte, or not at
/// all, in any order among files and names. make_directories is the exception: it is durable.
///
/// Any thread may use it. Open files keep working (or failing) after the CrashFs has gone.
class CrashFs final : public loop::FileLayer {
 public:
  struct Operation {
    enum class Kind {
      make_directories,
      create,
      write,
      truncate,
      sync_file,
      rename,
      remove,
      sync_folder
    };
    Kind kind;
    std::string path;
    uint64_t number = 0;       ///< Among all operations, from 1.
    uint64_t sync_number = 0;  ///< Among the syncs of files and folders, from 1; 0 = no sync.
    bool is_sync() const noexcept { return sync_number != 0; }
  };

  CrashFs();
  ~CrashFs() override;

  Result<std::unique_ptr<loop::StateFile>> open(const std::string& path, Open how) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<uint64_t> free_bytes(const std::string& path) override;

  /// Power fails in the middle of operation `number`: it has begun, its caller gets an error, and
  /// nothing works from then on.
  void crash_at(uint64_t number);
  /// Power fails now.
  void crash();
  bool crashed() const;

  /// A disk as it may be found after the power loss. Seeds 0 to 3 are the extremes: of what was not
  /// synced, nothing survives; everything does; names do but bytes do not; bytes do but names do
  /// not. Every other seed is a random mixture with torn writes.
  std::unique_ptr<CrashFs> survive(uint64_t seed) const;

  /// The call says what each operation meets: an error, or nothing. A failed write has written half
  /// of its bytes; after a failed sync the bytes that it should have saved count as saved by no
  /// later sync either (as on Linux), though they can still be read.
  void inject(std::function<std::optional<ErrorCode>(const Operation&)> injector);
  /// Every operation from `number` on meets this error; heal() ends it.
  void fail_from(uint64_t number, ErrorCode code);
  /// Only this sync meets an I/O error.
  void fail_sync(uint64_t sync_number);
  /// Ends inject, fail_from and fail_sync.
  void heal();
  /// Bytes that fit on the disk. A write takes what fits, then fails.
  void set_capacity(uint64_t bytes);
  /// Reads of files whose path contains this text fail.
  void fail_reads_of(std::string part_of_path);

  /// This sync says that it worked and does nothing, as in a build from which it was taken out. A
  /// test that still passes does not test it.
  void lie_about_sync(uint64_t sync_number);
  /// The same for all syncs of a kind (sync_file or sync_folder) whose path contains this text.
  void lie_about_syncs(Operation::Kind kind, std::string part_of_path = {});

  /// Called before each operation takes effect, on its thread; may block.
  void on_operation(std::function<void(const Operation&)> watcher);
  std::vector<Operation> operations() const;  ///< So far.
  uint64_t operation_count() const;
  uint64_t sync_count() const;

  /// All files, by path.
  std::vector<std::string> paths() const;
  /// What a reader sees; nothing if there is no such file.
  std::optional<std::string> contents(const std::string& path) const;
  /// Replaces or makes a file without leaving a trace: bit rot, or a file of another program.
  void overwrite(const std::string& path, std::string bytes);

 private:
  struct Disk;
  class File;
  explicit CrashFs(std::shared_ptr<Disk> disk);
  std::shared_ptr<Disk> disk_;
};

}  // namespace tailrace::testkit
