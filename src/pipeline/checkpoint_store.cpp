#include "pipeline/checkpoint_store.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tailrace/log.h"

#include "loop/clock.h"
#include "pipeline/file_checkpoint_store.h"

namespace tailrace::pipeline {

namespace {

constexpr std::string_view kComponent = "checkpoints";
/// A failing disk is asked again at most this often, however short the interval is.
constexpr int64_t kLeastRetryNs = 100'000'000;

/// Renames a file that does not verify, so that a person can look at it, and says so.
Error set_aside(loop::FileLayer& files, const std::string& directory, const Error& why) {
  const auto names = files.list(directory).value_or(std::vector<std::string>());
  std::string name;
  for (int number = 1; name.empty() || std::ranges::count(names, name) != 0; ++number) {
    name = FileCheckpointStore::kCorruptPrefix + std::to_string(number);
  }
  Status moved =
      files.rename(directory + "/" + FileCheckpointStore::kFileName, directory + "/" + name);
  if (moved) {
    moved = files.sync_directory(directory);
  }
  const std::string fate = moved ? fmt::format("it is kept as {}/{}", directory, name)
                                 : "it cannot be set aside: " + moved.error().message;
  Error error{ErrorCode::corrupt,
              fmt::format("{}; {}; started without it the agent reads everything from its "
                          "beginning and sends it again",
                          why.message, fate)};
  log_line(LogLevel::error, kComponent, "corrupt", error.message);
  return error;
}

Result<CheckpointFile> read_file(loop::FileLayer& files, const std::string& directory) {
  const std::string path = directory + "/" + FileCheckpointStore::kFileName;
  auto file = files.open(path, loop::FileLayer::Open::read);
  if (!file) {
    return file.error().code == ErrorCode::not_found
               ? Result<CheckpointFile>(CheckpointFile())
               : Result<CheckpointFile>(tl::unexpected<Error>(file.error()));
  }
  const auto size = (*file)->size();
  if (!size) {
    return tl::unexpected<Error>(size.error());
  }
  const auto bytes = (*file)->read_at(0, *size);
  if (!bytes) {
    return tl::unexpected<Error>(bytes.error());
  }
  auto decoded = decode_checkpoints(*bytes, path);
  if (!decoded && decoded.error().code == ErrorCode::corrupt) {
    file->reset();
    return tl::unexpected<Error>(set_aside(files, directory, decoded.error()));
  }
  return decoded;
}

}  // namespace

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::open(loop::FileLayer& files,
                                                               std::string directory,
                                                               std::chrono::milliseconds interval) {
  if (Status made = files.make_directories(directory); !made) {
    return tl::unexpected<Error>(made.error());
  }
  auto start = read_file(files, directory);
  if (!start) {
    return tl::unexpected<Error>(start.error());
  }
  uint64_t corrupt_files = 0;
  for (const std::string& name : files.list(directory).value_or(std::vector<std::string>())) {
    corrupt_files += name.starts_with(FileCheckpointStore::kCorruptPrefix) ? 1 : 0;
  }
  return std::unique_ptr<CheckpointStore>(std::make_unique<FileCheckpointStore>(
      files, std::move(directory), interval, std::move(*start), corrupt_files));
}

FileCheckpointStore::FileCheckpointStore(loop::FileLayer& files, std::string directory,
                                         std::chrono::milliseconds interval, CheckpointFile start,
                                         uint64_t corrupt_files)
    : files_(files),
      directory_(std::move(directory)),
      interval_ns_(Duration(interval).count()),
      at_start_(std::move(start.rows)),
      rows_(at_start_),
      number_(start.number) {
  stats_.rows = rows_.size();
  stats_.corrupt_files = corrupt_files;
  thread_ = std::thread([this] { run(); });
}

FileCheckpointStore::~FileCheckpointStore() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void FileCheckpointStore::update(const std::string& input, std::string key,
                                 std::optional<std::string> value) {
  std::lock_guard lock(mutex_);
  const bool was_idle = pending_.empty();
  pending_.insert_or_assign({input, std::move(key)}, std::move(value));
  if (was_idle) {
    changed_.notify_one();
  }
}

void FileCheckpointStore::update_durable(const std::string& input, std::string key,
                                         std::string value, Lane& lane,
                                         std::function<void()> done) {
  std::lock_guard lock(mutex_);
  pending_.insert_or_assign({input, std::move(key)}, std::move(value));
  waiters_.push_back({&lane, std::move(done)});
  urgent_ = true;
  changed_.notify_one();
}

Status FileCheckpointStore::flush() {
  std::unique_lock lock(mutex_);
  if (attempts_begun_ == attempts_ended_ && !something_to_do()) {
    return {};
  }
  const uint64_t wanted = attempts_begun_ + 1;  // one that begins from now on has all of it
  urgent_ = true;
  changed_.notify_one();
  attempted_.wait(lock, [&] { return attempts_ended_ >= wanted; });
  return last_outcome_;
}

CheckpointStore::Stats FileCheckpointStore::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

bool FileCheckpointStore::something_to_do() const {
  return !pending_.empty() || unwritten_;
}

void FileCheckpointStore::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    if (stopping_ && !something_to_do()) {
      return;
    }
    const bool last = stopping_;
    attempt(lock);
    if (last) {
      return;
    }
  }
}

/// Returns when a write is due: at once if somebody waits for it, else when there is something to
/// write and the last one is `interval` ago.
void FileCheckpointStore::wait_for_work(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return stopping_ || urgent_ || something_to_do(); });
  const int64_t too_early_ns = next_write_ns_ - loop::system_clock().monotonic_ns();
  if (too_early_ns > 0) {
    changed_.wait_for(lock, Duration(too_early_ns), [this] { return stopping_ || urgent_; });
  }
}

void FileCheckpointStore::attempt(std::unique_lock<std::mutex>& lock) {
  Changes changes = std::exchange(pending_, {});
  for (Waiter& waiter : std::exchange(waiters_, {})) {
    being_written_.push_back(std::move(waiter));
  }
  urgent_ = false;
  ++attempts_begun_;
  const bool left_over = unwritten_;
  lock.unlock();

  Status outcome;
  uint64_t bytes = 0;
  if (apply(std::move(changes)) || left_over) {
    outcome = write(bytes);
    next_write_ns_ = loop::system_clock().monotonic_ns() +
                     (outcome ? interval_ns_ : std::max(interval_ns_, kLeastRetryNs));
    note_outcome(outcome);
  }
  if (outcome) {
    for (Waiter& waiter : std::exchange(being_written_, {})) {
      waiter.lane->post(std::move(waiter.done));
    }
  }

  lock.lock();
  ++attempts_ended_;
  unwritten_ = !outcome;
  last_outcome_ = outcome;
  stats_.rows = rows_.size();
  if (bytes != 0) {
    stats_.bytes = bytes;
  }
  attempted_.notify_all();
}

/// True when a row is not as it was.
bool FileCheckpointStore::apply(Changes changes) {
  bool changed = false;
  while (!changes.empty()) {
    auto change = changes.extract(changes.begin());
    std::optional<std::string>& value = change.mapped();
    if (!value) {
      changed |= rows_.erase(change.key()) != 0;
      continue;
    }
    auto [row, is_new] = rows_.try_emplace(std::move(change.key()));
    if (is_new || row->second != *value) {
      row->second = std::move(*value);
      changed = true;
    }
  }
  return changed;
}

Status FileCheckpointStore::write(uint64_t& bytes) {
  const std::string path = directory_ + "/" + kFileName;
  const std::string new_path = directory_ + "/" + kNewFileName;
  const std::string content = encode_checkpoints(rows_, ++number_);
  // Left by a crash or a failed write. Never written on: the fate of its pages is unknown.
  static_cast<void>(files_.remove(new_path));
  auto file = files_.open(new_path, loop::FileLayer::Open::create_new);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  Status done = (*file)->write_at(0, content);
  if (done) {
    done = (*file)->sync();
  }
  file->reset();
  if (done) {
    done = files_.rename(new_path, path);
  }
  if (!done) {
    static_cast<void>(files_.remove(new_path));
    return done;
  }
  done = files_.sync_directory(directory_);
  if (done) {
    bytes = content.size();
  }
  return done;
}

void FileCheckpointStore::note_outcome(const Status& outcome) {
  bool was_failing = false;
  {
    std::lock_guard lock(mutex_);
    was_failing = std::exchange(stats_.failing, !outcome);
    if (outcome) {
      ++stats_.writes;
    } else {
      ++stats_.failures;
      stats_.last_error = outcome.error().message;
    }
  }
  if (!outcome && !was_failing) {
    log_line(LogLevel::error, kComponent, "failing",
             fmt::format("{}; nothing is lost, but after a crash what was delivered since is sent "
                         "again: {}",
                         outcome.error().message,
                         outcome.error().code == ErrorCode::no_space
                             ? "make room on the file system of agent.state_dir"
                             : "look after the disk under agent.state_dir"));
  } else if (outcome && was_failing) {
    log_line(LogLevel::info, kComponent, "works", "writing works again");
  }
}

}  // namespace tailrace::pipeline
