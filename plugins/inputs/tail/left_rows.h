#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tailrace/input.h"

#include "plugins/inputs/tail/catalog.h"
#include "plugins/inputs/tail/file_checkpoints.h"
#include "plugins/inputs/tail/stats.h"

namespace tailrace::inputs::tail {

/// Ends the rows of an earlier run whose files are gone, and tells what was lost with them.
/// Lane: the input's.
class LeftRows {
 public:
  LeftRows(InputContext& context, Stats& stats, FileCheckpoints& checkpoints, Catalog& catalog);

  /// Call when a full scan without problems was taken over and all that it found is open. Works
  /// once; what cannot be decided (an unreadable file) stays as it is until the next start.
  void settle();

 private:
  bool undecided(const CheckpointRow& row) const;
  void give_up(FileCheckpoints::LeftRow& row);

  InputContext& context_;
  Stats& stats_;
  FileCheckpoints& checkpoints_;
  Catalog& catalog_;
  bool settled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
