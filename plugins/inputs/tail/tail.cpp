#include "plugins/inputs/tail/tail.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {
namespace {

using std::chrono::milliseconds;

// Events of so long are handled in one go: a line a write must not cost a wake-up a line.
constexpr milliseconds kEventTurn{50};
// The same while files keep being written: waking up costs more than the lines of such a turn.
constexpr milliseconds kBusyTurn{100};
// The soonest that everything is looked up again because of confusion.
constexpr Duration kSoonestFullScan = std::chrono::seconds(1);
// Instead of rescan_interval where directories have no events.
constexpr Duration kScanWithoutEvents = std::chrono::seconds(2);

std::string state_of(const File& file) {
  if (!file.problem.empty()) {
    return "unreadable: " + file.problem;
  }
  if (!file.begun) {
    return "waiting for its predecessor";
  }
  if (file.unlinked) {
    return "deleted";
  }
  if (file.rotated) {
    return "rotated";
  }
  return file.drained() ? "idle" : "reading";
}

}  // namespace

TailInput::TailInput(std::shared_ptr<const TailConfig> config, InputContext& context)
    : config_(std::move(config)),
      context_(context),
      lane_(context.lane()),
      stats_(context.metrics()),
      discovery_(std::make_shared<const Discovery>(
          config_->include, config_->exclude,
          context.once() ? std::shared_ptr<const Descriptor>() : watcher_.descriptor())),
      checkpoints_(config_->include, context.checkpoints(), lane_),
      lifecycle_(*config_, context, stats_, checkpoints_),
      reader_(*config_, context, stats_, checkpoints_, lifecycle_, lifecycle_),
      catalog_(*config_, context, stats_, checkpoints_, watcher_, lifecycle_),
      left_rows_(context, stats_, checkpoints_, catalog_) {
  lifecycle_.connect(
      reader_, catalog_, [this](Source& source) { relist(source); }, [this] { progress(); });
  lifecycle_.on_ticks_needed([this] { start_ticks(); });
}

TailInput::~TailInput() = default;

Status TailInput::open() {
  return checkpoints_.load();
}

void TailInput::start() {
  event_timer_ = lane_.timer([this] { handle_events(); });
  scan_timer_ = lane_.timer([this] { start_scan(); });
  full_scan_timer_ = lane_.timer([this] { start_scan(); });
  rescan_timer_ = lane_.timer([this] {
    next_scan_.full = true;
    start_scan();
  });
  tick_timer_ = lane_.timer([this] {
    lifecycle_.tick();
    start_ticks();
  });
  if (!context_.once()) {
    if (watcher_.descriptor() != nullptr) {
      events_ = lane_.watch_fd(watcher_.descriptor()->get(), [this](bool, bool) { on_readable(); });
      events_->set_events(true, false);
    } else {
      context_.log().warn("no_events",
                          "the kernel gives no file events (fs.inotify.max_user_instances is "
                          "reached); files are looked at every two seconds instead");
    }
  }
  if (checkpoints_.since().changed()) {
    reader_.hold();
  }
  next_scan_.full = true;
  start_scan();
}

void TailInput::stop() {
  stopped_ = true;
  lifecycle_.stop();
  reader_.stop();
  events_.reset();
  event_timer_.reset();
  scan_timer_.reset();
  full_scan_timer_.reset();
  rescan_timer_.reset();
  tick_timer_.reset();
  checkpoints_.flush();
  checkpoints_.write_at_once();
}

// Events

void TailInput::on_readable() {
  events_->set_events(false, false);
  event_timer_->start(kEventTurn);
}

void TailInput::handle_events() {
  const bool any = watcher_.drain(*this);
  start_scan();
  if (any) {
    event_timer_->start(kBusyTurn);  // while there is something going on, without a wake-up each
  } else {
    events_->set_events(true, false);
  }
}

void TailInput::on_modified(Source& source) {
  lifecycle_.wake(source);
}

void TailInput::on_renamed(Source& source) {
  relist(source);
}

void TailInput::on_new_name(const std::string& directory, const GlobStates& states,
                            std::string_view name) {
  for (ScanRequest::Look& look : next_scan_.looks) {
    if (look.path == directory) {
      look.states.insert(states.begin(), states.end());
      look.names.emplace(name);
      return;
    }
  }
  next_scan_.looks.push_back({directory, states, {std::string(name)}});
}

void TailInput::on_confusion(bool lost_events) {
  next_scan_.full = true;
  if (!lost_events) {
    return;
  }
  stats_.event_overflows.increment();
  if (now() - last_wake_all_ns_ >= kSoonestFullScan.count()) {
    last_wake_all_ns_ = now();
    lifecycle_.wake_all();
  }
}

// Scans

void TailInput::relist(const Source& source) {
  next_scan_.sources.emplace(source.real_path, source.label_path);
  scan_soon();
}

void TailInput::scan_soon() {
  if (!stopped_ && scan_timer_ != nullptr && !scan_timer_->active()) {
    scan_timer_->start(kEventTurn);
  }
}

void TailInput::start_scan() {
  if (scanning_ || stopped_ || next_scan_.empty()) {
    return;
  }
  auto request = std::make_shared<ScanRequest>(std::exchange(next_scan_, {}));
  if (request->full) {
    const Duration soonest = std::min(kSoonestFullScan, config_->rescan_interval);
    const int64_t wait = last_full_ns_ + soonest.count() - now();
    if (wait > 0) {
      // What is known to have changed is looked at now, the rest a little later.
      next_scan_.full = true;
      full_scan_timer_->start(milliseconds(wait / 1'000'000 + 1));
      request->full = false;
      if (request->empty()) {
        return;
      }
    } else {
      last_full_ns_ = now();
      stats_.rescans.increment();
      request->sources = catalog_.known_paths();
      // In the middle of a rotation no pattern finds the file, but its predecessors are there.
      for (const FileCheckpoints::LeftRow* left : checkpoints_.left()) {
        if (discovery_->wants(left->row.label_path)) {
          request->sources.emplace(left->row.real_path, left->row.label_path);
        }
      }
      request->looks.clear();
    }
  }
  scanning_ = true;
  request->now_ns = lane_.clock().wall_ns();
  auto result = std::make_shared<ScanResult>();
  lane_.offload([discovery = discovery_, request, result] { *result = discovery->scan(*request); },
                [this, result, alive = std::weak_ptr<bool>(alive_)] {
                  if (!alive.expired()) {
                    scanning_ = false;
                    finish_scan(*result);
                  }
                });
}

void TailInput::finish_scan(ScanResult& result) {
  if (stopped_) {
    return;
  }
  watcher_.learn(result, *this);
  for (const std::string& problem : result.problems) {
    stats_.unreadable.increment();
    context_.log().warn("unreadable_directory",
                        fmt::format("cannot look into {}; it is tried again", problem));
  }
  catalog_.apply(result);
  if (result.full) {
    looked_once_ = true;
    if (!context_.once()) {
      stats_.unwatched_directories.set(result.unwatched);
      if (!std::exchange(lacks_events_, result.unwatched != 0) && lacks_events_ &&
          watcher_.descriptor() != nullptr) {
        context_.log().warn("no_events",
                            fmt::format("{} directories have no file events; raise "
                                        "fs.inotify.max_user_watches. They are looked at every two "
                                        "seconds instead",
                                        result.unwatched));
      }
      plan_rescan();
    }
    looked_everywhere_ = looked_everywhere_ || result.problems.empty() || context_.once();
  }
  if (!next_scan_.empty()) {
    scan_soon();
  }
  progress();
}

void TailInput::plan_rescan() {
  const Duration interval = lacks_events_ ? std::min(config_->rescan_interval, kScanWithoutEvents)
                                          : config_->rescan_interval;
  rescan_timer_->start(std::chrono::duration_cast<milliseconds>(interval));
}

/// Something was done: is there more to do?
void TailInput::progress() {
  const bool looking = scanning_ || !next_scan_.empty() || catalog_.opening();
  if (stopped_ || !looked_once_ || looking) {
    return;
  }
  if (!std::exchange(start_noted_, true) && checkpoints_.since().changed()) {
    // From the first byte on that is read, each file that was there has a row, under which it is
    // found when it was rotated away before the next start.
    checkpoints_.note_start([this, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) {
        reader_.go_on();
        progress();
      }
    });
  }
  if (!looked_everywhere_) {
    return;
  }
  left_rows_.settle();
  if (context_.once() && !finished_ && reader_.idle() && lifecycle_.end_all()) {
    finished_ = true;
    checkpoints_.flush();
    context_.finished();
  }
}

void TailInput::start_ticks() {
  if (!stopped_ && lifecycle_.needs_ticks() && !tick_timer_->active()) {
    tick_timer_->start(lifecycle_.tick_interval());
  }
}

// What the admin API shows

double TailInput::lag_seconds(const File& file) const {
  if (!file.begun || file.drained() || file.size <= file.position) {
    return 0;
  }
  // Since it left its end, or, while it never was there, as old as what was read last.
  const int64_t ns = file.met_end_once            ? now() - file.woken_ns
                     : file.last_record_time != 0 ? lane_.clock().wall_ns() - file.last_record_time
                                                  : now() - file.woken_ns;
  return static_cast<double>(std::max<int64_t>(ns, 0)) / 1e9;
}

std::vector<SourceStatus> TailInput::sources() const {
  std::vector<SourceStatus> rows;
  for (const auto& [path, source] : catalog_.sources()) {
    for (const auto& file : source->files) {
      if (file->gone) {
        continue;
      }
      SourceStatus row;
      row.name = file->path;
      row.position = file->position;
      row.settled = file->settled_point().offset;
      row.waiting_bytes = row.position - row.settled;
      row.size = std::max(file->size, file->position);
      struct stat info;
      if (!file->gzip && ::fstat(file->descriptor->get(), &info) == 0) {
        row.size = static_cast<uint64_t>(info.st_size);
      }
      row.lag_seconds = lag_seconds(*file);
      row.state = state_of(*file);
      rows.push_back(std::move(row));
    }
    if (!source->problem.empty() && source->current() == nullptr) {
      rows.push_back({.name = path, .state = "unreadable: " + source->problem});
    }
  }
  std::ranges::sort(rows, {}, &SourceStatus::name);
  return rows;
}

void TailInput::update_gauges() {
  double open = 0;
  double reading = 0;
  double rotated = 0;
  double unreadable = 0;
  double lag_bytes = 0;
  double lag = 0;
  for (const auto& [path, source] : catalog_.sources()) {
    unreadable += source->problem.empty() ? 0 : 1;
    for (const auto& file : source->files) {
      if (file->gone) {
        continue;
      }
      open += 1;
      rotated += file->rotated ? 1 : 0;
      unreadable += file->problem.empty() ? 0 : 1;
      if (file->drained()) {
        continue;
      }
      reading += 1;
      struct stat info;
      if (!file->gzip && ::fstat(file->descriptor->get(), &info) == 0) {
        file->size = static_cast<uint64_t>(info.st_size);
      }
      lag_bytes +=
          file->size > file->position ? static_cast<double>(file->size - file->position) : 0;
      lag = std::max(lag, lag_seconds(*file));
    }
  }
  stats_.files_open.set(open);
  stats_.files_reading.set(reading);
  stats_.files_rotated.set(rotated);
  stats_.files_unreadable.set(unreadable);
  stats_.lag_bytes.set(lag_bytes);
  stats_.lag_seconds.set(lag);
  stats_.carried_bytes.set(reader_.carried_bytes());
}

}  // namespace tailrace::inputs::tail

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor inputs_tail_plugin;
const PluginDescriptor inputs_tail_plugin =
    define_input<inputs::tail::TailInput, inputs::tail::TailConfig>(
        {.name = "tail",
         .summary = "Reads log files as they grow: containers' logs and any other line by line.",
         .signals = kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        inputs::tail::tail_schema);

}  // namespace tailrace
