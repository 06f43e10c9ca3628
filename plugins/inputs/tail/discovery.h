#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "plugins/inputs/tail/directory_listing.h"
#include "plugins/inputs/tail/file.h"
#include "plugins/inputs/tail/glob.h"
#include "plugins/inputs/tail/rotation_name.h"

namespace tailrace::inputs::tail {

/// How far a pattern has got in a directory: its entries are matched with component `component` of
/// pattern `glob`.
struct GlobState {
  uint32_t glob = 0;
  uint32_t component = 0;
  friend auto operator<=>(const GlobState&, const GlobState&) = default;
};
using GlobStates = std::set<GlobState>;

/// A directory entry that belongs to a source.
struct ListedFile {
  std::string name;
  FileId id;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  std::optional<RotatedName> rotated;  // nothing: it is the file itself
  bool wanted = false;                 // a pattern names it
};

/// A file that is to be read, with what rotations have made of its predecessors.
struct ListedSource {
  std::string real_path;          // directory and name, without links and the suffix of a rotation
  std::string label_path;         // as found by the pattern, without the suffix
  bool found = true;              // a pattern still leads there
  std::vector<ListedFile> files;  // oldest first; the file itself, if it is there, is the last
  SeenNames seen;
};

/// A link that leads nowhere as yet.
struct AwaitedLink {
  std::string target;     // the name that is missing
  std::string directory;  // where the link lies, as walked
  std::string name;
  GlobStates states;
  friend auto operator<=>(const AwaitedLink&, const AwaitedLink&) = default;
};

/// A directory with events. Several patterns, and links, may lead to it.
struct WatchedDirectory {
  int watch = -1;
  std::string path;       // as walked
  std::string real_path;  // without links
  GlobStates states;
  /// Links to names in it that are not there: those of a container that was being rotated when it
  /// was first looked for.
  std::set<AwaitedLink> awaited;
};

struct ScanRequest {
  int64_t now_ns = 0;  // wall time
  /// All patterns, from the root.
  bool full = false;
  /// Directories to look into; only at `names`, unless that is empty.
  struct Look {
    std::string path;
    GlobStates states;
    std::set<std::string> names;
  };
  std::vector<Look> looks;
  /// Sources (real path to label path) whose directories are to be listed again.
  std::map<std::string, std::string> sources;

  bool empty() const noexcept { return !full && looks.empty() && sources.empty(); }
};

struct ScanResult {
  bool full = false;
  std::vector<ListedSource> sources;
  std::vector<WatchedDirectory> directories;
  std::vector<std::string> problems;  // what could not be looked at, and why
  uint32_t unwatched = 0;             // directories without events
};

/// Finds files, and asks for the events of their directories before it lists them, so that nothing
/// is missed in between.
///
/// Lane: none: runs on worker threads, and nothing in it changes.
class Discovery {
 public:
  /// `events`: an inotify descriptor; null: no events are to be asked for.
  Discovery(const std::vector<std::string>& include, const std::vector<std::string>& exclude,
            std::shared_ptr<const Descriptor> events);

  ScanResult scan(const ScanRequest& request) const;
  /// True when a pattern names the path, and none of the exclusions does.
  bool wants(std::string_view path) const noexcept;

 private:
  struct Scan;
  std::vector<Glob> globs_;
  Excludes excludes_;
  std::shared_ptr<const Descriptor> events_;
};

}  // namespace tailrace::inputs::tail
