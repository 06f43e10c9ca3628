#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tailrace/input.h"

#include "plugins/inputs/tail/checkpoint_row.h"
#include "plugins/inputs/tail/file.h"
#include "plugins/inputs/tail/since.h"

namespace tailrace::inputs::tail {

/// The row of a file as it would be written now, with `point` as its position.
CheckpointRow make_row(const File& file, const ReplayPoint& point);

/// The rows of this lane's files: those that an earlier run has left, and those of open files.
/// Lane: the input's.
class FileCheckpoints {
 public:
  FileCheckpoints(const std::vector<std::string>& include, Checkpoints& rows, Lane& lane);

  /// Reads what an earlier run has left. Errors: unsupported for rows of a newer version.
  Status load();
  /// No run of this input came before.
  bool first_start() const noexcept { return first_start_; }
  /// Since when which paths are ours. After load().
  const Since& since() const noexcept { return *since_; }
  /// Writes the marked rows together with the table of `since`, and calls back when they are safe.
  void note_start(std::function<void()> done);

  /// A row that an earlier run has left. Once it is claimed, an open file has it.
  struct LeftRow {
    std::string key;
    CheckpointRow row;
    bool claimed = false;
  };
  /// Rows that no file has: those of this path, and those of these inodes.
  std::vector<LeftRow*> left_for(const std::string& real_path, const std::vector<ino_t>& inodes);
  std::vector<LeftRow*> left();
  /// `head`: how the file begins. Rows that are left of when it was shorter go.
  void claim(LeftRow& left, File& file, std::string_view head);
  void drop(LeftRow& row);
  /// Nothing more comes of the row's file. The row tells what else was read, what is older, until a
  /// file of its source gets its first row; it goes at once when one has a row.
  void keep_finished(LeftRow& left, Source& source);

  /// The file's row is to be written at the end of the turn.
  void mark(File& file);
  /// The file has no row from now on.
  void erase(File& file);
  /// The file was read and is closed. Its row goes, or stays until a newer file of its source has
  /// one (`is_newest`: none has).
  void finish(File& file, bool is_newest);
  /// Writes the row now, and calls back when it is safe.
  void write_durably(File& file, std::function<void()> done);
  /// Writes all marked rows.
  void flush();
  /// From now on rows are written when they are marked: there may be no other turn.
  void write_at_once() noexcept { at_once_ = true; }

 private:
  using Keys = std::vector<std::string>;
  void forget(File& file) noexcept;
  void write(File& file, bool finished = false);
  /// Gives the rows that go when the file's row is written. They go after it: whatever moment
  /// becomes durable, the file has a row in it.
  Keys choose_key(File& file);
  void erase_keys(const Keys& keys);

  const std::vector<std::string>& include_;
  Checkpoints& rows_;
  Lane& lane_;
  bool first_start_ = true;
  std::optional<Since> since_;
  bool at_once_ = false;
  std::vector<std::unique_ptr<LeftRow>> left_;
  std::unordered_multimap<ino_t, LeftRow*> by_inode_;
  std::unordered_multimap<std::string, LeftRow*> by_path_;
  std::unordered_set<std::string> keys_;  // in use
  std::vector<File*> dirty_;
  bool scheduled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
