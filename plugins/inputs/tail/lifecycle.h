#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/input.h"

#include "plugins/inputs/tail/catalog.h"
#include "plugins/inputs/tail/file_checkpoints.h"
#include "plugins/inputs/tail/reader.h"
#include "plugins/inputs/tail/receipts.h"
#include "plugins/inputs/tail/stats.h"
#include "plugins/inputs/tail/tail_config.h"

namespace tailrace::inputs::tail {

/// Sees files through their lives: when a successor's turn comes and what it inherits, which ends
/// are decided, when a rotated or deleted file is closed.
/// Lane: the input's.
class Lifecycle final : public ReaderListener, public CatalogListener, public ReceiptListener {
 public:
  Lifecycle(const TailConfig& config, InputContext& context, Stats& stats,
            FileCheckpoints& checkpoints);
  /// The parts that need this one to be made first.
  void connect(Reader& reader, Catalog& catalog, std::function<void(Source&)> relist,
               std::function<void()> progress);

  /// A timeout may be over. Call every tick_interval() while needs_ticks().
  void tick();
  bool needs_ticks() const noexcept { return !watched_.empty(); }
  std::chrono::milliseconds tick_interval() const noexcept;
  /// Someone should call tick().
  void on_ticks_needed(std::function<void()> call) { ticks_needed_ = std::move(call); }

  void wake(Source& source);
  void wake_all();
  /// Under `once`: true when every file was read to its end and nothing is open in it; decides the
  /// ends that are needed for that.
  bool end_all();
  /// Takes no decisions any more.
  void stop() noexcept { stopped_ = true; }

  // ReaderListener
  void on_end(File& file) override;
  void on_truncated(File& file) override;
  void on_carry(File& file) override { watch_over(file); }
  void on_unreadable(File& file, const std::string& why) override;
  void on_idle() override { progress_(); }
  // CatalogListener
  void on_chain(Source& source) override;
  void on_rotated(File& file) override;
  void on_listed(File& file, const ListedFile& listed, bool full) override;
  void on_relist(Source& source) override { relist_(source); }
  void on_truncation_solved(Source& source, File* copy) override;
  void on_opened() override { progress_(); }
  // ReceiptListener
  void on_settled(File& file) noexcept override;

 private:
  std::shared_ptr<File> hold(File& file) const;
  void wake(File& file);
  void watch_over(File& file);
  void advance(Source& source);
  bool waits_for_restart(Source& source);
  void advance_restarts();
  bool was_restarted(const Source& source) const;
  Source* find(const std::optional<std::string>& real_path) const;
  void begin(File& file, File* predecessor);
  void hand_over(File& from, File& to);
  /// True while the file needs more ticks.
  bool look_after(File& file, int64_t now);
  bool end_by_timeout(File& file, int64_t now);
  void look_for_late_lines(File& file);
  bool may_go(const File& file) const;
  /// What is open ends here. Written to disk first where a replay could see the same bytes.
  void decide(File& file, uint8_t endings);
  void finish(File& file);
  void reopen(File& file);
  void bound_deleted();
  /// Reads no more of it. What it carries is sent.
  void give_up(File& file, std::string_view reason);
  bool has_begun_successor(const File& file) const;
  int64_t now() const noexcept { return context_.lane().clock().monotonic_ns(); }

  const TailConfig& config_;
  InputContext& context_;
  Stats& stats_;
  FileCheckpoints& checkpoints_;
  Reader* reader_ = nullptr;
  Catalog* catalog_ = nullptr;
  std::function<void(Source&)> relist_;
  std::function<void()> progress_;
  std::function<void()> ticks_needed_;
  std::vector<std::weak_ptr<File>> watched_;
  std::set<std::string> waiting_;  // sources that are not begun for the sake of an earlier start's
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
