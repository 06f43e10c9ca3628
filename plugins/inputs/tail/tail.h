#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/input.h"
#include "tailrace/plugin.h"

#include "plugins/inputs/tail/catalog.h"
#include "plugins/inputs/tail/discovery.h"
#include "plugins/inputs/tail/file_checkpoints.h"
#include "plugins/inputs/tail/left_rows.h"
#include "plugins/inputs/tail/lifecycle.h"
#include "plugins/inputs/tail/reader.h"
#include "plugins/inputs/tail/stats.h"
#include "plugins/inputs/tail/tail_config.h"
#include "plugins/inputs/tail/watcher.h"

namespace tailrace::inputs::tail {

/// Reads log files as they grow, over rotations, truncations and restarts.
///
/// Shape:    LogBatches of one file and stream each; a unit is at most one block.
/// Units:    times in ns since the epoch; source bytes as in the file, newlines included.
/// Lane:     one instance per lane; it reads the files whose order hash the lane owns.
/// Errors:   what cannot be read is counted, warned of once, and tried again.
class TailInput final : public Input, private WatchListener {
 public:
  TailInput(std::shared_ptr<const TailConfig> config, InputContext& context);
  ~TailInput() override;

  Status open() override;
  void start() override;
  void stop() override;
  void on_credit() override { reader_.on_credit(); }
  std::vector<SourceStatus> sources() const override;
  void update_gauges() override;

 private:
  // Events
  void on_readable();
  void handle_events();
  void on_modified(Source& source) override;
  void on_renamed(Source& source) override;
  void on_new_name(const std::string& directory, const GlobStates& states,
                   std::string_view name) override;
  void on_confusion(bool lost_events) override;

  // Scans
  void relist(const Source& source);
  void scan_soon();
  void start_scan();
  void finish_scan(ScanResult& result);
  void plan_rescan();

  void progress();
  void start_ticks();
  double lag_seconds(const File& file) const;
  int64_t now() const noexcept { return lane_.clock().monotonic_ns(); }

  const std::shared_ptr<const TailConfig> config_;
  InputContext& context_;
  Lane& lane_;
  Stats stats_;
  Watcher watcher_;
  std::shared_ptr<const Discovery> discovery_;
  FileCheckpoints checkpoints_;
  Lifecycle lifecycle_;
  Reader reader_;
  Catalog catalog_;
  LeftRows left_rows_;

  ScanRequest next_scan_;
  bool scanning_ = false;
  bool looked_once_ = false;        // a first full scan is done
  bool looked_everywhere_ = false;  // one is done that met no problem
  bool start_noted_ = false;
  bool finished_ = false;
  bool stopped_ = false;
  bool lacks_events_ = false;  // some directories have none
  int64_t last_full_ns_ = INT64_MIN / 2;
  int64_t last_wake_all_ns_ = INT64_MIN / 2;

  std::unique_ptr<FdWatch> events_;
  std::unique_ptr<Timer> event_timer_;
  std::unique_ptr<Timer> scan_timer_;
  std::unique_ptr<Timer> full_scan_timer_;
  std::unique_ptr<Timer> rescan_timer_;
  std::unique_ptr<Timer> tick_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
