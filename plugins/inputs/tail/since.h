#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/inputs/tail/glob.h"

namespace tailrace::inputs::tail {

/// From when on the lines of a path are ours to read: for each pattern, when a run first looked for
/// it. A rotated file that was last written before that was put aside before we came; one that was
/// written later is a predecessor that we owe, whether or not we ever saw it.
///
/// The table is kept among the checkpoints. It is written before the first byte of a new pattern's
/// files is read, together with the rows of all files that the pattern named then: so a run that
/// finds a pattern in it finds those rows, too.
class Since {
 public:
  /// `stored`: the table of an earlier run, empty if there was none. Patterns that are not in it
  /// begin now (wall time, ns); those that are not asked for any more are forgotten.
  Since(const std::vector<std::string>& include, std::string_view stored, int64_t now_ns);

  /// The earliest time of the patterns that name this path. If none does (a pattern may name
  /// rotated files only), the earliest of all.
  int64_t of(std::string_view path) const noexcept;
  /// It is not what was stored.
  bool changed() const noexcept { return changed_; }
  /// Lines of a time, a space and a pattern.
  std::string encode() const;

 private:
  struct Entry {
    std::string pattern;
    std::vector<Glob> globs;
    int64_t time_ns = 0;
  };
  std::vector<Entry> entries_;
  bool changed_ = false;
};

}  // namespace tailrace::inputs::tail
