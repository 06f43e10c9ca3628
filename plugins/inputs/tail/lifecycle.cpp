#include "plugins/inputs/tail/lifecycle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {
namespace {

// A file that had grown for so long without an event when a rescan saw it was missed by the events.
constexpr std::chrono::seconds kEventsAreLate{2};
// How often reading a rotated file may fail before its successor is begun.
constexpr uint32_t kMostFailures = 5;

}  // namespace

Lifecycle::Lifecycle(const TailConfig& config, InputContext& context, Stats& stats,
                     FileCheckpoints& checkpoints)
    : config_(config), context_(context), stats_(stats), checkpoints_(checkpoints) {}

void Lifecycle::connect(Reader& reader, Catalog& catalog, std::function<void(Source&)> relist,
                        std::function<void()> progress) {
  reader_ = &reader;
  catalog_ = &catalog;
  relist_ = std::move(relist);
  progress_ = std::move(progress);
}

std::chrono::milliseconds Lifecycle::tick_interval() const noexcept {
  const Duration shortest = std::min(config_.partial_timeout, config_.rotate_wait) / 4;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::clamp<Duration>(shortest, std::chrono::milliseconds(50), std::chrono::seconds(1)));
}

std::shared_ptr<File> Lifecycle::hold(File& file) const {
  for (const auto& entry : file.source->files) {
    if (entry.get() == &file) {
      return entry;
    }
  }
  return nullptr;
}

void Lifecycle::wake(File& file) {
  if (auto held = hold(file)) {
    reader_->wake(held);
  }
}

void Lifecycle::wake(Source& source) {
  for (const auto& file : source.files) {
    file->polled = false;
    if (!file->gone) {
      reader_->wake(file);
    }
  }
  if (source.current() == nullptr && !source.opening && source.problem.empty()) {
    relist_(source);
  }
}

void Lifecycle::wake_all() {
  catalog_->for_each_file([this](const std::shared_ptr<File>& file) {
    if (!file->gone) {
      reader_->wake(file);
    }
  });
}

void Lifecycle::watch_over(File& file) {
  if (file.watched_over || stopped_) {
    return;
  }
  file.watched_over = true;
  watched_.push_back(hold(file));
  if (watched_.size() == 1) {
    ticks_needed_();
  }
}

// Reading

void Lifecycle::on_end(File& file) {
  if (!file.gzip) {
    file.problem.clear();
    file.failures = 0;
  }
  if (file.rotated) {
    watch_over(file);
  }
  if (file.source->files.size() > 1) {
    advance(*file.source);
  }
}

void Lifecycle::on_unreadable(File& file, const std::string& why) {
  stats_.unreadable.increment();
  ++file.failures;
  const bool news = file.problem != why;
  file.problem = why;
  if (file.gzip) {
    if (news) {
      context_.feed().lost({1, 0}, "broken_gzip", false);
      context_.log().error("broken_gzip",
                           fmt::format("{} is broken at or behind byte {} of its content ({}); the "
                                       "rest of it is lost",
                                       file.path, file.position, why));
    }
    return;
  }
  if (news) {
    context_.log().warn("unreadable",
                        fmt::format("cannot read {} at byte {} ({}); it is tried again", file.path,
                                    file.position, why));
  }
  // The others of the source wait for this one, but not for ever.
  if (file.rotated && (context_.once() || file.failures >= kMostFailures)) {
    context_.log().error("unreadable", fmt::format("gives up the rest of {} ({})", file.path, why));
    give_up(file, "unreadable");
  }
}

void Lifecycle::on_truncated(File& file) {
  stats_.truncations.increment();
  Source& source = *file.source;
  catalog_->replace_truncated(file);
  watch_over(file);
  relist_(source);
}

/// A copy of the truncated file goes on with everything that was open in it. Without one it ends
/// here: its bytes are not there any more.
void Lifecycle::on_truncation_solved(Source& source, File* copy) {
  const std::shared_ptr<File> old = std::exchange(source.truncated, nullptr);
  if (copy != nullptr && old->framing.carry != nullptr) {
    for (const PendingLine& line : old->framing.carry->pending) {
      if (line.active) {
        context_.feed().filtered(line.weight, true);  // the copy begins the line anew
      }
    }
    reader_->release_carry(*old);
  } else if (old->framing.carry != nullptr && old->framing.carry->active()) {
    old->end = old->position;
    decide(*old, kEndAll);
  }
  on_chain(source);
}

void Lifecycle::on_settled(File& file) noexcept {
  // A deleted or truncated file cannot be read again, but its row leads to a gzipped or other copy.
  checkpoints_.mark(file);
}

// Chains

void Lifecycle::on_chain(Source& source) {
  // What is followed by a new file is read to its end once more: it may have got lines between the
  // last read and the rotation.
  for (size_t i = 0; i + 1 < source.files.size(); ++i) {
    if (source.files[i]->begun && !source.files[i]->gone && !source.files[i + 1]->begun) {
      reader_->wake(source.files[i]);
    }
  }
  for (const auto& file : source.files) {
    if (file->rotated) {
      watch_over(*file);
    }
  }
  advance(source);
}

/// Begins files whose predecessors are read to their ends.
void Lifecycle::advance(Source& source) {
  if (source.truncated != nullptr || stopped_) {
    return;
  }
  for (size_t i = 0; i < source.files.size(); ++i) {
    const std::shared_ptr<File> file = source.files[i];
    if (!file->begun) {
      File* const predecessor = i > 0 ? source.files[i - 1].get() : nullptr;
      if (predecessor != nullptr && !predecessor->drained()) {
        return;
      }
      begin(*file, predecessor);
    }
  }
}

void Lifecycle::begin(File& file, File* predecessor) {
  file.begun = true;
  file.woken_ns = file.data_ns = now();
  if (predecessor != nullptr && !predecessor->gone) {
    hand_over(*predecessor, file);
  } else if (predecessor != nullptr && file.position == 0) {
    for (const Stream stream : {kStdout, kStderr}) {  // the run of times goes on
      file.framing.streams[stream] = predecessor->framing.streams[stream];
      file.framing.streams[stream].line = LineState::clean;
    }
  }
  wake(file);
}

/// Lines that began in a file before a rotation may end in its successor, and runs of equal times
/// go on over it.
void Lifecycle::hand_over(File& from, File& to) {
  const bool fresh = to.key.empty() && to.position == 0;
  ReplayPoint begin{to.position, to.framing.streams};
  if (fresh) {
    begin.streams = from.framing.streams;
  }
  to.framing.streams = begin.streams;
  for (StreamPoint& stream : to.framing.streams) {
    if (stream.line == LineState::inherits) {
      stream.line = LineState::clean;
    }
  }
  if (!from.has_pending()) {
    return;
  }
  std::array<bool, kStreams> moves{};
  for (const Stream stream : {kStdout, kStderr}) {
    moves[stream] = from.framing.carry->pending[stream].active &&
                    (fresh || begin.streams[stream].line == LineState::inherits);
    if (moves[stream]) {
      begin.streams[stream].line = LineState::inherits;
    }
  }
  ReceiptRef origin;
  for (const Stream stream : {kStdout, kStderr}) {
    PendingLine& line = from.framing.carry->pending[stream];
    if (!line.active) {
      continue;
    }
    if (!moves[stream]) {
      // The successor's checkpoint is past the line's end: it was delivered before.
      context_.feed().filtered(line.weight, true);
      reader_->release_carried(line);
      continue;
    }
    if (!origin) {
      origin = ReceiptRef(from.receipts.issue(from, *this, from.framing.replay_point(from.position),
                                              !from.unlinked));
    }
    if (to.framing.carry == nullptr) {
      to.framing.carry = std::make_unique<Carry>();
    }
    PendingLine& heir = to.framing.carry->pending[stream];
    const ReceiptRef earlier = std::exchange(line.origin, {});
    if (earlier) {
      static_cast<TailReceipt*>(origin.get())->hold(earlier);
    }
    heir = std::exchange(line, {});
    heir.begin = begin;
    heir.origin = origin;
  }
  if (!from.framing.carry->active()) {
    from.framing.carry.reset();
  }
  checkpoints_.mark(from);
  if (to.has_pending()) {
    watch_over(to);
  }
}

void Lifecycle::on_rotated(File& file) {
  file.rotated = true;
  file.rotated_ns = now();
  stats_.rotations.increment();
  watch_over(file);
  if (!file.gone) {
    wake(file);
  }
}

void Lifecycle::on_listed(File& file, const ListedFile& listed, bool full) {
  if (file.gzip || !file.begun) {
    return;
  }
  if (listed.size == file.end && file.problem.empty()) {
    return;
  }
  const int64_t wall = context_.lane().clock().wall_ns();
  const bool missed = full && file.drained() && listed.size > file.end &&
                      listed.mtime_ns < wall - Duration(kEventsAreLate).count();
  if (missed) {
    stats_.stuck.increment();
    context_.log().warn("stuck",
                        fmt::format("{} has grown without an event of the kernel (a network or "
                                    "overlay filesystem?); it is opened again and asked every "
                                    "second from now on",
                                    file.path));
    reopen(file);
    file.polled = true;
    watch_over(file);
  }
  wake(file);
}

void Lifecycle::reopen(File& file) {
  const int fd = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return;
  }
  auto descriptor = std::make_shared<const Descriptor>(fd);
  struct stat info;
  if (::fstat(fd, &info) == 0 && FileId{info.st_dev, info.st_ino} == file.id) {
    file.descriptor = std::move(descriptor);
  }
}

// Timeouts

void Lifecycle::tick() {
  const int64_t now_ns = now();
  auto watched = std::exchange(watched_, {});
  for (const auto& entry : watched) {
    const std::shared_ptr<File> file = entry.lock();
    if (file == nullptr || hold(*file) == nullptr) {
      continue;
    }
    if (look_after(*file, now_ns) && hold(*file) != nullptr) {
      watched_.push_back(entry);
    } else {
      file->watched_over = false;
    }
  }
  bound_deleted();
}

bool Lifecycle::look_after(File& file, int64_t now_ns) {
  if (file.polled || file.rotated) {
    look_for_late_lines(file);
  }
  if (!file.drained()) {
    return true;
  }
  if (end_by_timeout(file, now_ns)) {
    return true;
  }
  if (!file.rotated) {
    return file.polled || file.has_pending();
  }
  const int64_t quiet_since = std::max(file.rotated_ns, file.data_ns);
  if (!may_go(file)) {
    return file.polled || file.has_pending();
  }
  if ((file.gone || now_ns - quiet_since >= config_.rotate_wait.count()) && file.receipts.empty() &&
      !file.has_open_line() && !file.has_pending()) {
    finish(file);
    return false;
  }
  return true;
}

/// A rotated file gets no events under its new name.
void Lifecycle::look_for_late_lines(File& file) {
  struct stat info;
  if (file.gone || file.gzip || !file.drained() || ::fstat(file.descriptor->get(), &info) != 0) {
    return;
  }
  if (info.st_nlink == 0 && !file.unlinked) {
    file.unlinked = true;
    file.receipts.set_not_rereadable();
  }
  if (static_cast<uint64_t>(info.st_size) != file.end) {
    wake(file);
  }
}

/// True when an end was decided.
bool Lifecycle::end_by_timeout(File& file, int64_t now_ns) {
  const int64_t quiet_since = std::max(file.rotated_ns, file.data_ns);
  const bool over =
      file.gone || (file.rotated && now_ns - quiet_since >= config_.rotate_wait.count());
  uint8_t endings = kNoEnding;
  if (over && file.has_open_line()) {
    endings |= kEndLine;
  }
  if (file.has_pending()) {
    for (const Stream stream : {kStdout, kStderr}) {
      const PendingLine& line = file.framing.carry->pending[stream];
      const bool last_word = over && (file.unlinked || file.gone);
      if (line.active &&
          (last_word || now_ns - line.touched_ns >= config_.partial_timeout.count())) {
        endings |= stream == kStdout ? kEndStdout : kEndStderr;
      }
    }
  }
  if (endings == kNoEnding) {
    return false;
  }
  decide(file, endings);
  return true;
}

/// True for a rotated file that nobody needs once it is read: it is not the last of its source
/// (the next rotation is told from it), and no pattern names it.
bool Lifecycle::may_go(const File& file) const {
  if (file.gone || !file.located || !file.source->found) {
    return true;
  }
  return !file.wanted && has_begun_successor(file);
}

bool Lifecycle::has_begun_successor(const File& file) const {
  const auto& files = file.source->files;
  const auto place = std::ranges::find(files, &file, [](const auto& entry) { return entry.get(); });
  return place != files.end() &&
         std::any_of(place + 1, files.end(), [](const auto& later) { return later->begun; });
}

void Lifecycle::decide(File& file, uint8_t endings) {
  if (stopped_) {
    return;
  }
  const uint64_t settled = file.settled_point().offset;
  const auto done = file.decisions.begin() + static_cast<ptrdiff_t>(file.next_decision);
  const auto first_kept = std::find_if(file.decisions.begin(), done, [&](const Decision& decision) {
    return decision.offset >= settled;
  });
  file.next_decision -= static_cast<size_t>(first_kept - file.decisions.begin());
  file.decisions.erase(file.decisions.begin(), first_kept);

  file.decisions.push_back({(endings & kEndLine) != 0 ? file.end : file.position, endings});
  if (file.unlinked || file.gone || file.fingerprint.size == 0) {
    wake(file);  // nobody can read these bytes again and decide otherwise
    return;
  }
  file.frozen = true;
  checkpoints_.write_durably(
      file, [this, alive = std::weak_ptr<bool>(alive_), held = std::weak_ptr<File>(hold(file))] {
        const auto file = held.lock();
        if (alive.expired() || file == nullptr) {
          return;
        }
        file->frozen = false;
        reader_->wake(file);
      });
}

/// Closes a file that is read and safe.
void Lifecycle::finish(File& file) {
  Source& source = *file.source;
  const std::shared_ptr<File> held = hold(file);
  const auto place = std::ranges::find(source.files, held);
  const bool followed = std::any_of(place + 1, source.files.end(), [](const auto& later) {
    return later->begun && !later->key.empty();
  });
  // Without any row of the source, the next start would take its rotated files for new ones.
  const bool nothing_left = file.unlinked && source.listed == 0;
  checkpoints_.finish(file, !followed && !nothing_left && !file.gone);
  reader_->release_carry(file);
  catalog_->remove(file);
  for (const auto& other : source.files) {
    if (other->elder.lock() == held) {
      other->elder.reset();
      checkpoints_.mark(*other);
    }
  }
}

// Deleted files

void Lifecycle::bound_deleted() {
  uint64_t total = 0;
  std::vector<std::shared_ptr<File>> deleted;
  for (const auto& entry : watched_) {
    const auto file = entry.lock();
    if (file != nullptr && file->unlinked && !file->gone) {
      total += file->size;
      deleted.push_back(file);
    }
  }
  stats_.deleted_held_bytes.set(static_cast<double>(total));
  if (total <= config_.max_deleted_held.bytes) {
    return;
  }
  std::ranges::stable_sort(deleted, {}, [](const auto& file) { return file->rotated_ns; });
  for (const auto& file : deleted) {
    if (total <= config_.max_deleted_held.bytes) {
      return;
    }
    total -= std::min(total, file->size);
    stats_.deleted_given_up.increment();
    context_.log().error(
        "max_deleted_held",
        fmt::format("gives up {} at byte {} of {}: it was deleted, and deleted files that are not "
                    "read yet take more disk space than max_deleted_held",
                    file->path, file->position, file->size));
    give_up(*file, "max_deleted_held");
  }
}

void Lifecycle::give_up(File& file, std::string_view reason) {
  const uint64_t unread = file.size > file.position ? file.size - file.position : 0;
  if (unread != 0) {
    context_.feed().lost({1, unread}, reason, false);
  }
  file.gone = true;
  file.located = false;
  file.end = file.position;
  file.descriptor = nullptr;
  watch_over(file);
  wake(file);
}

// The end of a `run --once`

bool Lifecycle::end_all() {
  bool all = true;
  catalog_->for_each_file([&](const std::shared_ptr<File>& file) {
    if (!file->problem.empty() && !file->gzip) {
      return;
    }
    if (!file->drained()) {
      all = false;
    } else if (file->has_open_line() || file->has_pending()) {
      all = false;
      decide(*file, kEndAll);
    }
  });
  return all;
}

}  // namespace tailrace::inputs::tail
