// Targets from files, which are watched.

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tailrace/config_files.h"

#include "plugins/common/prom/sd_options.h"
#include "plugins/common/prom/target_groups.h"

namespace tailrace::common::prom {

namespace {

constexpr size_t kMaxTargetsFileBytes = 64 << 20;
// A file that is being replaced makes several events.
constexpr std::chrono::milliseconds kSettle{100};

/// A descriptor that a worker and the lane use.
class Inotify {
 public:
  Inotify() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
  ~Inotify() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

using Groups = std::vector<TargetGroup>;

Result<Groups> read_groups(const std::string& path) {
  const auto text = read_config_file(path, kMaxTargetsFileBytes);
  if (!text) {
    return tl::unexpected<Error>(text.error());
  }
  const bool is_json = path.ends_with(".json") || path.ends_with(".JSON");
  return is_json ? parse_json_groups(*text) : parse_yaml_groups(*text);
}

/// One look at all files, on a worker thread.
struct Look {
  StringList patterns;
  std::shared_ptr<const Inotify> inotify;
  std::map<std::string, Result<Groups>> files;

  void take() {
    // Watched before they are read, so that no change falls between.
    constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                 IN_DELETE_SELF | IN_MOVE_SELF | IN_CREATE | IN_ONLYDIR;
    for (const std::string& pattern : patterns) {
      // A folder that is not there yet is tried again with the next look.
      ::inotify_add_watch(inotify->fd(), folder_of(pattern).c_str(), kEvents);
      for (const std::string& path : files_matching(pattern)) {
        if (!files.contains(path)) {
          files.emplace(path, read_groups(path));
        }
      }
    }
  }
};

/// Lane: the context's; files are read by a worker.
class FileDiscovery final : public Discovery {
 public:
  FileDiscovery(const FileSdConfig& config, DiscoveryContext& context)
      : config_(config),
        context_(context),
        failures_(context.metrics.counter("discovery_failures_total",
                                          "Looks for targets that failed.", {{"kind", "file"}})),
        refresh_(context.lane.timer([this] { look(); })),
        settle_(context.lane.timer([this] { look(); })) {}

  void start(OnGroups on_groups) override {
    on_groups_ = std::move(on_groups);
    if (inotify_->fd() >= 0) {
      watch_ = context_.lane.watch_fd(inotify_->fd(), [this](bool, bool) { on_events(); });
      watch_->set_events(true, false);
    } else {
      context_.log.warn("unwatched",
                        "files with targets are not watched, only looked at every "
                        "refresh_interval: raise fs.inotify.max_user_instances");
    }
    look();
  }

 private:
  void on_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> events;
    bool any = false;
    while (::read(inotify_->fd(), events.data(), events.size()) > 0) {
      any = true;
    }
    if (any && !settle_->active()) {
      settle_->start(kSettle);
    }
  }

  void look() {
    if (looking_) {
      look_again_ = true;
      return;
    }
    looking_ = true;
    auto look = std::make_shared<Look>();
    look->patterns = config_.files;
    look->inotify = inotify_;
    context_.lane.offload([look] { look->take(); },
                          [this, look, alive = std::weak_ptr<char>(alive_)] {
                            if (!alive.expired()) {
                              looked(*look);
                            }
                          });
  }

  void looked(Look& look) {
    looking_ = false;
    refresh_->start(
        std::chrono::duration_cast<std::chrono::milliseconds>(config_.refresh_interval));
    if (std::exchange(look_again_, false)) {
      settle_->start(kSettle);
    }
    Groups changed;
    for (auto& [path, groups] : look.files) {
      if (groups) {
        take(path, std::move(*groups), changed);
      } else {
        // The groups that it had stay: half a file must not take targets away.
        failures_.increment();
        context_.log.warn("broken_file",
                          fmt::format("{} is not used as it is now: {}; the targets that it had "
                                      "before stay",
                                      path, groups.error().message));
      }
    }
    for (auto known = known_.begin(); known != known_.end();) {
      if (look.files.contains(known->first)) {
        ++known;
      } else {
        for (size_t i = 0; i < known->second.size(); ++i) {
          changed.push_back({source_of(known->first, i), {}, {}});
        }
        known = known_.erase(known);
      }
    }
    const bool first = !std::exchange(has_told_, true);
    if (first || !changed.empty()) {
      on_groups_(std::move(changed));  // may destroy this
    }
  }

  static std::string source_of(const std::string& path, size_t index) {
    return fmt::format("{}:{}", path, index);
  }

  /// Adds what is different from what was known of the file.
  void take(const std::string& path, Groups groups, Groups& changed) {
    Groups& known = known_[path];
    for (size_t i = 0; i < groups.size(); ++i) {
      groups[i].source = source_of(path, i);
      std::erase_if(groups[i].labels,
                    [](const auto& label) { return label.first == "__meta_filepath"; });
      groups[i].labels.emplace_back("__meta_filepath", path);
      if (i >= known.size() || known[i].labels != groups[i].labels ||
          known[i].targets != groups[i].targets) {
        changed.push_back(groups[i]);
      }
    }
    for (size_t i = groups.size(); i < known.size(); ++i) {
      changed.push_back({source_of(path, i), {}, {}});
    }
    known = std::move(groups);
  }

  const FileSdConfig& config_;
  DiscoveryContext& context_;
  Counter& failures_;
  OnGroups on_groups_;
  std::shared_ptr<const Inotify> inotify_ = std::make_shared<const Inotify>();
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<Timer> refresh_;
  std::unique_ptr<Timer> settle_;
  std::map<std::string, Groups> known_;  // by path
  bool looking_ = false;
  bool look_again_ = false;
  bool has_told_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

Result<std::unique_ptr<Discovery>> FileSdConfig::make(DiscoveryContext& context) const {
  return std::unique_ptr<Discovery>(std::make_unique<FileDiscovery>(*this, context));
}

std::vector<TargetGroup> FileSdConfig::known_groups() const {
  std::vector<TargetGroup> out;
  for (const std::string& pattern : files) {
    for (const std::string& path : files_matching(pattern)) {
      auto groups = read_groups(path);
      for (TargetGroup& group : groups ? *groups : std::vector<TargetGroup>()) {
        group.source = path;
        group.labels.emplace_back("__meta_filepath", path);
        out.push_back(std::move(group));
      }
    }
  }
  return out;
}

}  // namespace tailrace::common::prom
