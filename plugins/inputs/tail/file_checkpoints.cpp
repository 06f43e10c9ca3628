#include "plugins/inputs/tail/file_checkpoints.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {

namespace {

/// A row says that what is older is done with. A rotated file without a whole line has no row yet,
/// but lines may come late.
bool follows_unknown(const File& file) {
  for (const auto& older : file.source->files) {
    if (older.get() == &file) {
      return false;
    }
    if (older->key.empty() && older->elder.expired() && !older->wanted && !older->gone) {
      return true;
    }
  }
  return false;
}

}  // namespace

CheckpointRow make_row(const File& file, const ReplayPoint& point) {
  CheckpointRow row;
  row.format = file.framing.format;
  row.gzip = file.gzip;
  row.inode = file.id.inode;
  row.fingerprint = file.fingerprint;
  row.point = point;
  row.size = std::max(file.size, file.position);
  row.mtime_ns = file.mtime_ns;
  row.fallback_time = file.framing.fallback_time;
  for (const Decision& decision : file.decisions) {
    if (decision.offset >= point.offset) {
      row.decisions.push_back(decision);
    }
  }
  row.real_path = file.real_path;
  row.label_path = file.label_path;
  return row;
}

namespace {

std::string encode(const File& file, bool finished = false) {
  CheckpointRow row = make_row(file, file.settled_point());
  row.finished = finished;
  return encode_row(row);
}

}  // namespace

FileCheckpoints::FileCheckpoints(const std::vector<std::string>& include, Checkpoints& rows,
                                 Lane& lane)
    : include_(include), rows_(rows), lane_(lane) {}

Status FileCheckpoints::load() {
  std::string_view started;
  for (const auto& [key, value] : rows_.at_start()) {
    first_start_ = false;
    if (key == kStartedKey) {
      started = value;
      continue;
    }
    auto row = decode_row(value);
    if (!row) {
      return fail(row.error().code,
                  fmt::format("checkpoint {}: {}; remove it only if its file may be read again",
                              key, row.error().message));
    }
    left_.push_back(std::make_unique<LeftRow>(LeftRow{key, std::move(*row), false}));
    LeftRow* const left = left_.back().get();
    by_inode_.emplace(left->row.inode, left);
    by_path_.emplace(left->row.real_path, left);
    keys_.insert(key);
  }
  since_.emplace(include_, started, lane_.clock().wall_ns());
  return {};
}

void FileCheckpoints::note_start(std::function<void()> done) {
  flush();
  rows_.put_durable(std::string(kStartedKey), since_->encode(), std::move(done));
}

std::vector<FileCheckpoints::LeftRow*> FileCheckpoints::left_for(const std::string& real_path,
                                                                 const std::vector<ino_t>& inodes) {
  std::vector<LeftRow*> found;
  const auto add = [&found](const auto& range) {
    for (auto entry = range.first; entry != range.second; ++entry) {
      LeftRow* const row = entry->second;
      if (!row->claimed && std::find(found.begin(), found.end(), row) == found.end()) {
        found.push_back(row);
      }
    }
  };
  add(by_path_.equal_range(real_path));
  for (const ino_t inode : inodes) {
    add(by_inode_.equal_range(inode));
  }
  // In the order of the store, whatever the hash tables say.
  std::sort(found.begin(), found.end(),
            [](const LeftRow* a, const LeftRow* b) { return a->key < b->key; });
  return found;
}

std::vector<FileCheckpoints::LeftRow*> FileCheckpoints::left() {
  std::vector<LeftRow*> found;
  for (const auto& row : left_) {
    if (!row->claimed) {
      found.push_back(row.get());
    }
  }
  return found;
}

void FileCheckpoints::claim(LeftRow& left, File& file, std::string_view head) {
  left.claimed = true;
  file.key = left.key;
  // The key grows with a short file, and a crash may come between the new row and the end of the
  // old one.
  const auto [begin, end] = by_inode_.equal_range(left.row.inode);
  for (auto entry = begin; entry != end; ++entry) {
    LeftRow& other = *entry->second;
    if (!other.claimed && other.row.real_path == left.row.real_path &&
        other.row.fingerprint.size < left.row.fingerprint.size &&
        other.row.fingerprint.matches(head)) {
      drop(other);
    }
  }
}

void FileCheckpoints::drop(LeftRow& row) {
  row.claimed = true;
  keys_.erase(row.key);
  rows_.erase(row.key);
}

void FileCheckpoints::keep_finished(LeftRow& left, Source& source) {
  source.known_mtime_ns = std::max(source.known_mtime_ns, left.row.mtime_ns);
  const bool has_newer =
      std::ranges::any_of(source.files, [](const auto& file) { return !file->key.empty(); });
  if (has_newer) {
    drop(left);
    return;
  }
  left.claimed = true;
  if (!std::exchange(left.row.finished, true)) {
    rows_.put(left.key, encode_row(left.row));
  }
  source.finished_keys.push_back(left.key);
}

void FileCheckpoints::mark(File& file) {
  if (file.dirty) {
    return;
  }
  file.dirty = true;
  dirty_.push_back(&file);
  if (at_once_) {
    flush();
  } else if (!scheduled_) {
    scheduled_ = true;
    lane_.at_end_of_turn([this, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) {
        scheduled_ = false;
        flush();
      }
    });
  }
}

void FileCheckpoints::flush() {
  for (File* file : std::exchange(dirty_, {})) {
    file->dirty = false;
    // What a truncation has left to a copy is the elder's until it is safe.
    if (file->fingerprint.size == 0 || !file->elder.expired() || follows_unknown(*file)) {
      continue;
    }
    write(*file);
  }
}

void FileCheckpoints::forget(File& file) noexcept {
  if (file.dirty) {
    std::erase(dirty_, &file);
    file.dirty = false;
  }
}

void FileCheckpoints::erase(File& file) {
  forget(file);
  if (!file.key.empty()) {
    keys_.erase(file.key);
    rows_.erase(std::exchange(file.key, {}));
  }
}

void FileCheckpoints::finish(File& file, bool is_newest) {
  if (!is_newest || file.fingerprint.size == 0) {
    erase(file);
    return;
  }
  forget(file);
  write(file, true);
  file.source->finished_keys.push_back(file.key);
}

void FileCheckpoints::write_durably(File& file, std::function<void()> done) {
  const Keys stale = choose_key(file);
  rows_.put_durable(file.key, encode(file), std::move(done));
  erase_keys(stale);
}

void FileCheckpoints::write(File& file, bool finished) {
  const Keys stale = choose_key(file);
  rows_.put(file.key, encode(file, finished));
  erase_keys(stale);
}

void FileCheckpoints::erase_keys(const Keys& keys) {
  for (const std::string& key : keys) {
    keys_.erase(key);
    rows_.erase(key);
  }
}

/// The key follows the fingerprint, which grows with a short file.
FileCheckpoints::Keys FileCheckpoints::choose_key(File& file) {
  if (!file.key.empty() && file.fingerprint == file.key_fingerprint) {
    return {};
  }
  for (uint32_t twin = 0;; ++twin) {
    std::string key = checkpoint_key(file.id.inode, file.fingerprint, twin);
    if (key != file.key && !keys_.insert(key).second) {
      continue;  // an equal beginning, and the same inode number on another filesystem
    }
    Keys stale;
    if (file.key.empty()) {
      // The first row of a file that was just begun: no other of its source is newer.
      stale = std::exchange(file.source->finished_keys, {});
    } else if (key != file.key) {
      stale.push_back(file.key);
    }
    file.key = std::move(key);
    file.key_fingerprint = file.fingerprint;
    return stale;
  }
}

}  // namespace tailrace::inputs::tail
