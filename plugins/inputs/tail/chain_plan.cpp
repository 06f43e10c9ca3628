#include "plugins/inputs/tail/chain_plan.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace tailrace::inputs::tail {
namespace {

// Fewer bytes than this may be equal by chance in files without times (a banner, a header).
constexpr uint32_t kTellingBytes = 256;
// What compresses or copies a file keeps its time to the second at least.
constexpr int64_t kCoarseTimes = 2'000'000'000;

bool same_file(const PlanFile& file, const CheckpointRow& row) {
  return !file.gzip && !row.gzip && file.inode == row.inode && file.size >= row.point.offset &&
         row.fingerprint.matches(file.head);
}

bool same_content(const PlanFile& file, const CheckpointRow& row) {
  const bool has_times = row.format == Format::cri || row.format == Format::docker;
  const bool telling =
      has_times || row.fingerprint.size >= kTellingBytes || file.mtime_ns == row.mtime_ns;
  return telling && (file.gzip || file.size >= row.point.offset) &&
         file.mtime_ns >= row.mtime_ns - kCoarseTimes && row.fingerprint.matches(file.head);
}

class Plan {
 public:
  Plan(const std::vector<PlanFile>& files, const std::vector<const CheckpointRow*>& rows,
       const PlanPolicy& policy)
      : files_(files), rows_(rows), policy_(policy), steps_(files.size()), taken_(rows.size()) {}

  std::vector<PlanStep> make() {
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].open) {
        steps_[i].kind = PlanStep::Kind::keep;
        newest_begun_ = i;
      }
    }
    claim(same_file);
    claim(same_content);
    for (size_t i = 0; i < files_.size(); ++i) {
      if (steps_[i].kind == PlanStep::Kind::skip && files_[i].usable) {
        steps_[i].kind = unknown(i);
      } else if (files_[i].unreadable && unknown(i) != PlanStep::Kind::skip) {
        steps_[i].kind = PlanStep::Kind::owed;
      }
    }
    return std::move(steps_);
  }

 private:
  template <class Same>
  void claim(Same same) {
    for (const size_t row : by_certainty()) {
      // The oldest first: should two files begin alike, then the wrong choice repeats lines, but
      // loses none.
      for (size_t i = 0; i < files_.size() && !taken_[row]; ++i) {
        if (steps_[i].kind == PlanStep::Kind::skip && files_[i].usable &&
            same(files_[i], *rows_[row])) {
          steps_[i] = {PlanStep::Kind::resume, row};
          taken_[row] = true;
          newest_begun_ = std::max(newest_begun_.value_or(0), i);
        }
      }
    }
  }

  /// Rows that know more of their files first, and older ones before newer ones.
  std::vector<size_t> by_certainty() const {
    std::vector<size_t> order(rows_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) {
      const uint32_t size_a = rows_[a]->fingerprint.size;
      const uint32_t size_b = rows_[b]->fingerprint.size;
      return size_a != size_b ? size_a > size_b : rows_[a]->mtime_ns < rows_[b]->mtime_ns;
    });
    return order;
  }

  /// For a file that we have not seen before.
  PlanStep::Kind unknown(size_t i) const {
    const PlanFile& file = files_[i];
    const bool named = !file.rotated || file.wanted;
    if (policy_.start_at_end) {
      return named && !file.gzip ? PlanStep::Kind::end : PlanStep::Kind::skip;
    }
    if (named) {
      return PlanStep::Kind::begin;
    }
    const bool done =
        newest_begun_ ? i < *newest_begun_ : older_than_lost(file) || was_never_ours(file);
    return done || !policy_.read_rotated ? PlanStep::Kind::skip : PlanStep::Kind::begin;
  }

  bool was_never_ours(const PlanFile& file) const {
    return file.mtime_ns < policy_.since_ns - kCoarseTimes;
  }

  /// Nothing of what we have begun is there any more (or it was written anew in place). What was
  /// last written before the lost file was is older than it.
  bool older_than_lost(const PlanFile& file) const {
    if (policy_.known_mtime_ns != 0 && file.mtime_ns <= policy_.known_mtime_ns) {
      return true;
    }
    return std::ranges::any_of(rows_, [&](const CheckpointRow* row) {
      return row->mtime_ns != 0 && file.mtime_ns <= row->mtime_ns;
    });
  }

  const std::vector<PlanFile>& files_;
  const std::vector<const CheckpointRow*>& rows_;
  const PlanPolicy& policy_;
  std::vector<PlanStep> steps_;
  std::vector<bool> taken_;
  std::optional<size_t> newest_begun_;
};

}  // namespace

std::vector<PlanStep> plan_chain(const std::vector<PlanFile>& files,
                                 const std::vector<const CheckpointRow*>& rows,
                                 const PlanPolicy& policy) {
  return Plan(files, rows, policy).make();
}

}  // namespace tailrace::inputs::tail
