#include "plugins/inputs/tail/lifecycle.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/inputs/tail/restarts.h"
#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {
namespace {

// A file that had grown for so long without an event when a rescan saw it was missed by the events.
constexpr std::chrono::seconds kEventsAreLate{2};

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
  advance_restarts();
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
  advance_restarts();
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
  advance_restarts();
}

/// Begins files whose predecessors are read to their ends.
void Lifecycle::advance(Source& source) {
  if (source.truncated != nullptr || stopped_ || waits_for_restart(source)) {
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

/// The logs of a container's starts are the same streams: the log of a start is begun when those of
/// the starts before are read and nothing is open in them.
bool Lifecycle::waits_for_restart(Source& source) {
  if (source.files.empty() || source.files.front()->begun) {
    return false;
  }
  const auto start = restart_number(source.real_path);
  if (!start) {
    return false;
  }
  bool waits = false;
  for (int64_t back = 1; back <= kMostRestarts; ++back) {
    const Source* const earlier = find(start->path(-back));
    if (earlier == nullptr || !earlier->problem.empty()) {
      continue;
    }
    waits = waits || earlier->opening;
    for (const auto& file : earlier->files) {
      if (file->problem.empty() &&
          (!file->drained() || file->has_open_line() || file->has_pending())) {
        waits = true;
        watch_over(*file);  // its writer is dead: what is open in it ends soon
      }
    }
  }
  if (waits) {
    waiting_.insert(source.real_path);
    watch_over(*source.files.front());
  }
  return waits;
}

void Lifecycle::advance_restarts() {
  for (const std::string& path : std::exchange(waiting_, {})) {
    if (Source* source = find(path)) {
      advance(*source);
    }
  }
}

/// True when the container was started anew since: nobody writes to this log any more.
bool Lifecycle::was_restarted(const Source& source) const {
  const auto start = restart_number(source.real_path);
  for (int64_t later = 1; start && later <= kMostRestarts; ++later) {
    if (find(start->path(later)) != nullptr) {
      return true;
    }
  }
  return false;
}

Source* Lifecycle::find(const std::optional<std::string>& real_path) const {
  if (!real_path) {
    return nullptr;
  }
  const auto found = catalog_->sources().find(*real_path);
  return found != catalog_->sources().end() ? found->second.get() : nullptr;
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
  if (file.key.empty() && file.has_line) {
    // Found by its row from now on, wherever it goes. By less than a line it could be mistaken for
    // another file that has got its inode.
    checkpoints_.mark(file);
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
                    (to.position == 0 || begin.streams[stream].line == LineState::inherits);
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

}  // namespace tailrace::inputs::tail
