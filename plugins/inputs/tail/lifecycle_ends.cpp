// Lifecycle's second half: the ends of lines that nobody wrote, and the ends of files.

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "plugins/inputs/tail/lifecycle.h"
#include "plugins/inputs/tail/restarts.h"
#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {

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
  advance_restarts();
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
    return file.polled || file.has_pending() ||
           (file.has_open_line() && was_restarted(*file.source));
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
  if (!file.has_open_line() && !file.has_pending()) {
    return false;
  }
  const int64_t quiet_since = std::max(file.rotated_ns, file.data_ns);
  const bool dead = was_restarted(*file.source);
  const bool over =
      file.gone || ((file.rotated || dead) && now_ns - quiet_since >= config_.rotate_wait.count());
  uint8_t endings = kNoEnding;
  if (over && file.has_open_line()) {
    endings |= kEndLine;
  }
  if (file.has_pending()) {
    for (const Stream stream : {kStdout, kStderr}) {
      const PendingLine& line = file.framing.carry->pending[stream];
      const bool last_word = over && (file.unlinked || file.gone || dead);
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
    const bool was_heir = other->elder.lock() == held;
    if (was_heir) {
      other->elder.reset();
    }
    if (was_heir || (other->begun && other->key.empty())) {
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
  if (file.unlinked) {
    catalog_->close(file);  // gives its disk space back
  }
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
