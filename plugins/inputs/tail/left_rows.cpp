#include "plugins/inputs/tail/left_rows.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

namespace tailrace::inputs::tail {

LeftRows::LeftRows(InputContext& context, Stats& stats, FileCheckpoints& checkpoints,
                   Catalog& catalog)
    : context_(context), stats_(stats), checkpoints_(checkpoints), catalog_(catalog) {}

/// Somebody else's, or of a file that we cannot see now but may see again.
bool LeftRows::undecided(const CheckpointRow& row) const {
  if (!catalog_.owns(order_hash(row.label_path, row.real_path)) || catalog_.is_foreign(row.inode)) {
    return true;
  }
  const auto source = catalog_.sources().find(row.real_path);
  return source != catalog_.sources().end() && !source->second->problem.empty();
}

void LeftRows::settle() {
  if (std::exchange(settled_, true)) {
    return;
  }
  struct Check {
    FileCheckpoints::LeftRow* row;
    std::string path;
    uint64_t inode;
    bool there = false;
  };
  auto checks = std::make_shared<std::vector<Check>>();
  for (FileCheckpoints::LeftRow* row : checkpoints_.left()) {
    if (undecided(row->row)) {
      continue;
    }
    if (catalog_.sources().contains(row->row.real_path)) {
      give_up(*row);  // its path was looked at, and it is not among the files there
    } else {
      checks->push_back({row, row->row.real_path, row->row.inode});
    }
  }
  if (checks->empty()) {
    return;
  }
  // No pattern leads to these paths any more. A file that is still there keeps its row: the
  // pattern may come back.
  context_.lane().offload(
      [checks] {
        for (Check& check : *checks) {
          struct stat info;
          check.there = ::stat(check.path.c_str(), &info) == 0 && info.st_ino == check.inode;
        }
      },
      [this, checks, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) {
          return;
        }
        for (const Check& check : *checks) {
          if (!check.there && !check.row->claimed) {
            give_up(*check.row);
          }
        }
      });
}

void LeftRows::give_up(FileCheckpoints::LeftRow& left) {
  const CheckpointRow& row = left.row;
  const auto source = catalog_.sources().find(row.real_path);
  const bool replaced = source != catalog_.sources().end();
  const uint64_t unread = row.size > row.point.offset ? row.size - row.point.offset : 0;
  // A file that was deleted together with its path after all we saw of it was safe is no loss that
  // we know of. One that was replaced was rotated away, and probably had more.
  if (!row.finished && (unread != 0 || replaced)) {
    stats_.lost_rotations.increment();
    context_.feed().lost({1, unread}, "lost_rotation", false);
    context_.log().error(
        "lost_rotation",
        fmt::format("{} (inode {}) was read up to {} of at least {} bytes and is gone: rotated "
                    "away or deleted while tailrace was down; keep more rotated files, or keep "
                    "downtimes shorter",
                    row.real_path, row.inode, row.point.offset, row.size));
  }
  if (replaced) {
    // Its older siblings may be there still: the row keeps telling that they were read.
    checkpoints_.keep_finished(left, *source->second);
  } else {
    checkpoints_.drop(left);
  }
}

}  // namespace tailrace::inputs::tail
