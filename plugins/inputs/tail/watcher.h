#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/inputs/tail/discovery.h"
#include "plugins/inputs/tail/file.h"

namespace tailrace::inputs::tail {

/// Hashes names without copying them.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const noexcept {
    return std::hash<std::string_view>()(name);
  }
};

/// What the events of a moment mean.
class WatchListener {
 public:
  /// A file of the source was written.
  virtual void on_modified(Source& source) = 0;
  /// A name of the source came or went: list it again.
  virtual void on_renamed(Source& source) = 0;
  /// A name came that patterns may lead through or to.
  virtual void on_new_name(const std::string& directory, const GlobStates& states,
                           std::string_view name) = 0;
  /// A directory went, or events were lost: look everything up anew.
  virtual void on_confusion(bool lost_events) = 0;

 protected:
  ~WatchListener() = default;
};

/// The kernel's events of directories. They are only hints: a rescan is the truth.
///
/// An event per write costs the writer and us more than the reading. So a directory whose files are
/// written all the time is muted for a while: its sources are taken for written in every turn.
/// Source: inotify(7).
/// Lane:   one per lane; the descriptor is shared with Discovery on worker threads, which asks for
///         the events.
class Watcher {
 public:
  Watcher();
  /// Null when the kernel gives no more (fs.inotify.max_user_instances).
  const std::shared_ptr<const Descriptor>& descriptor() const noexcept { return events_; }

  /// Takes over what a scan has found, and handles the events that came for it meanwhile. After a
  /// full one without problems, directories that it did not find are given up.
  void learn(const ScanResult& scan, WatchListener& listener);
  /// Events of this name in this directory (a real path) are the source's.
  void add_name(const std::string& path, Source& source);
  void remove_name(const std::string& path, const Source& source);

  /// Reads all events that are there. True if there were any, or if it must be called again anyhow
  /// after a turn, because a directory is muted.
  bool drain(WatchListener& listener);

 private:
  struct Directory {
    std::string path;
    std::string real_path;
    GlobStates states;
    std::set<AwaitedLink> awaited;
    uint32_t writes = 0;       // events of this turn
    uint32_t muted_turns = 0;  // left of its mute; 0: not muted
  };
  /// Of a directory that we do not know yet: a scan that is under way may have asked for it.
  struct EarlyEvent {
    int watch;
    uint32_t mask;
    std::string name;
  };
  using Names = std::unordered_map<std::string, Source*, NameHash, std::equal_to<>>;
  bool read_events(WatchListener& listener);
  void mute_busy(WatchListener& listener);
  void look_after_muted(WatchListener& listener);
  /// False when the directory is not there any more.
  bool ask_for(int watch, const Directory& directory, uint32_t events);
  template <class Call>
  void for_each_name(const Directory& directory, Call call) const;
  void handle(int watch, uint32_t mask, std::string_view name, WatchListener& listener);
  void handle_name(int watch, Directory& directory, uint32_t mask, std::string_view name,
                   WatchListener& listener);
  /// The name has come: links that lead to it are looked at once more.
  static void follow_awaited(Directory& directory, std::string_view name, WatchListener& listener);
  Source* find_source(const Directory& directory, std::string_view name) const;

  std::shared_ptr<const Descriptor> events_;
  std::unordered_map<int, Directory> directories_;  // by watch
  std::unordered_map<std::string, Names> names_;    // by directory
  std::vector<int> written_;                        // watches with `writes`
  std::vector<int> muted_;                          // watches with `muted_turns`
  std::vector<EarlyEvent> early_;
  std::vector<char> buffer_;
};

}  // namespace tailrace::inputs::tail
