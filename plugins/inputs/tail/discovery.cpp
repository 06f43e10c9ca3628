#include "plugins/inputs/tail/discovery.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <unordered_map>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/inputs/tail/events.h"

namespace tailrace::inputs::tail {
namespace {

// Deeper than any real tree; ends loops of bind mounts under `**`.
constexpr int kDeepest = 64;

// How often a directory that changes meanwhile is listed, at most.
constexpr int kMostListings = 10;
// A directory that was changed so long ago would show another change: times of files move in steps
// of some milliseconds, on network filesystems of up to a second.
constexpr int64_t kTimesAreSure = 2'000'000'000;
// As the kernel: more links in a row are a circle.
constexpr int kMostLinks = 40;

/// A link whose target is gone leads there still: in the middle of a rotation there is no file.
bool still_leads(const std::string& label_path, const std::string& real_path) {
  if (label_path == real_path) {
    return true;
  }
  if (const auto real = resolve(label_path)) {
    return *real == real_path;
  }
  struct stat info;
  return ::lstat(label_path.c_str(), &info) == 0;
}

bool older(const ListedFile& a, const ListedFile& b) {
  if (!a.rotated || !b.rotated) {
    return a.rotated.has_value() && !b.rotated.has_value();
  }
  if (const auto by_name = is_older(*a.rotated, *b.rotated)) {
    return *by_name;
  }
  return a.mtime_ns < b.mtime_ns;
}

}  // namespace

/// One scan under way.
struct Discovery::Scan {
  const Discovery& discovery;
  int64_t now_ns;
  ScanResult result;

  /// A directory in which files of sources lie.
  struct Directory {
    std::map<std::string, std::string> bases;            // name of a source's file -> label path
    std::unordered_map<std::string, std::string> found;  // every name found -> label path
    std::vector<Entry> entries;                          // when the walk has listed it
    bool listed = false;
  };
  using Sources = std::map<std::string, ListedSource>;            // by the file's name
  std::map<std::string, Directory> directories;                   // by real path
  std::unordered_map<std::string, std::string> real_directories;  // walked path -> real path

  bool has_last(const GlobStates& states) const {
    return std::ranges::any_of(states, [&](const GlobState& state) {
      return state.component + 1 == discovery.globs_[state.glob].components.size();
    });
  }

  void problem(const std::string& path) {
    result.problems.push_back(fmt::format("{}: {}", path, std::strerror(errno)));
  }

  /// Asks for a directory's events. False when it is gone.
  bool watch(const std::string& path, const GlobStates& states, uint32_t events) {
    if (discovery.events_ == nullptr) {
      ++result.unwatched;
      return true;
    }
    const int watch = ::inotify_add_watch(discovery.events_->get(), path.c_str(),
                                          events | IN_ONLYDIR | IN_MASK_ADD);
    if (watch >= 0) {
      const std::string* const real = real_directory(path);
      result.directories.push_back({watch, path, real != nullptr ? *real : path, states});
      return true;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
      return false;
    }
    ++result.unwatched;
    return true;
  }

  /// Adds a state, and those that follow because `**` may stand for nothing.
  void enter(GlobStates& states, GlobState state) const {
    states.insert(state);
    if (discovery.globs_[state.glob].components[state.component].any_depth) {
      enter(states, {state.glob, state.component + 1});
    }
  }

  void walk_all() {
    GlobStates states;
    for (uint32_t i = 0; i < discovery.globs_.size(); ++i) {
      enter(states, {i, 0});
    }
    walk("/", states, {}, 0);
  }

  void walk(const std::string& path, const GlobStates& states, const std::set<std::string>& only,
            int depth) {
    if (depth > kDeepest) {
      return;
    }
    // Literal components are looked up by name; the others want a list of the directory.
    std::set<std::string> names;
    bool list_all = false;
    for (const GlobState& state : states) {
      const Glob::Component& component = discovery.globs_[state.glob].components[state.component];
      list_all = list_all || !component.literal;
      names.insert(component.text);
    }
    const bool last = has_last(states);
    if ((list_all || last) && !watch(path, states, kDirectoryEvents | (last ? kFileEvents : 0U))) {
      return;
    }
    std::vector<Entry> entries;
    if (!only.empty()) {
      for (const std::string& name : only) {
        entries.push_back({name, DT_UNKNOWN});
      }
    } else if (list_all) {
      if (!list(path, entries)) {
        if (errno != ENOENT && errno != ENOTDIR) {
          problem(path);
        }
        return;
      }
    } else {
      for (const std::string& name : names) {
        entries.push_back({name, DT_UNKNOWN});
      }
    }
    bool missing = false;
    for (Entry& entry : entries) {
      missing = !visit(path, states, entry, depth) || missing;
    }
    if (missing && !list_all && !last && watch(path, states, kDirectoryEvents)) {
      // The next directory on the way is not there yet: its creation will be an event, unless it
      // came just now.
      for (Entry& entry : entries) {
        visit(path, states, entry, depth);
      }
    }
    if (last && list_all && only.empty()) {
      if (Directory* directory = directory_at(path)) {
        directory->entries = std::move(entries);
        directory->listed = true;
      }
    }
  }

  /// Matches an entry; goes on into a directory, remembers a file. False when it is not there.
  bool visit(const std::string& path, const GlobStates& states, Entry& entry, int depth) {
    GlobStates below;
    bool is_file = false;
    for (const GlobState& state : states) {
      const auto& components = discovery.globs_[state.glob].components;
      const Glob::Component& component = components[state.component];
      if (component.any_depth) {
        if (entry.type != DT_LNK) {  // a link might lead upwards
          enter(below, state);
        }
      } else if (component.literal ? component.text == entry.name
                                   : match_name(component.text, entry.name)) {
        if (state.component + 1 == components.size()) {
          is_file = true;
        } else {
          enter(below, {state.glob, state.component + 1});
        }
      }
    }
    if (!is_file && (below.empty() || entry.type == DT_REG)) {
      return true;
    }
    const std::string child = join(path, entry.name);
    struct stat info;
    if (entry.type == DT_UNKNOWN) {
      if (::lstat(child.c_str(), &info) != 0) {
        return false;
      }
      entry.type = S_ISLNK(info.st_mode) ? DT_LNK : S_ISDIR(info.st_mode) ? DT_DIR : DT_REG;
    }
    const bool link = entry.type == DT_LNK;
    bool is_directory = entry.type == DT_DIR;
    if (link) {
      if (::stat(child.c_str(), &info) != 0 &&
          (!is_file || !await_target(path, states, entry.name) ||
           ::stat(child.c_str(), &info) != 0)) {
        return false;
      }
      is_directory = S_ISDIR(info.st_mode);
    }
    if (is_directory) {
      if (link) {
        std::erase_if(below, [&](const GlobState& state) {
          return states.contains(state) &&
                 discovery.globs_[state.glob].components[state.component].any_depth;
        });
      }
      if (!below.empty()) {
        walk(child, below, {}, depth + 1);
      }
      return true;
    }
    if (is_file && !discovery.excludes_.match(child)) {
      add_file(path, entry.name, child, link);
    }
    return true;
  }

  /// Asks for the events of the directory in which the target of a link is missing. True when it
  /// may be there by now.
  bool await_target(const std::string& directory, const GlobStates& states,
                    const std::string& name) {
    std::string target = join(directory, name);
    char buffer[PATH_MAX];
    for (int links = 0; links < kMostLinks; ++links) {
      const ssize_t n = ::readlink(target.c_str(), buffer, sizeof buffer);
      const SplitPath place = split(target);
      if (n < 0) {
        const size_t watched = result.directories.size();
        if (errno != ENOENT || !watch(place.directory, {}, kDirectoryEvents)) {
          return errno == EINVAL;  // no link, but a file
        }
        if (result.directories.size() != watched) {
          result.directories.back().awaited.insert({place.name, directory, name, states});
        }
        return true;
      }
      const std::string_view next(buffer, static_cast<size_t>(n));
      target = next.starts_with('/') ? std::string(next) : join(place.directory, next);
    }
    return false;
  }

  const std::string* real_directory(const std::string& path) {
    auto known = real_directories.find(path);
    if (known == real_directories.end()) {
      const auto real = resolve(path);
      if (!real) {
        return nullptr;
      }
      known = real_directories.emplace(path, *real).first;
    }
    return &known->second;
  }

  Directory* directory_at(const std::string& path) {
    const std::string* const real = real_directory(path);
    return real == nullptr ? nullptr : &directories[*real];
  }

  void add_file(const std::string& directory_path, const std::string& name, const std::string& path,
                bool link) {
    if (link) {
      if (const auto real = resolve(path)) {
        const SplitPath parts = split(*real);
        directories[parts.directory].found.try_emplace(parts.name, path);
      }
    } else if (Directory* directory = directory_at(directory_path)) {
      // A path that needs no link is the better name.
      directory->found.insert_or_assign(name, path);
    }
  }

  void add_source(const std::string& real_path, const std::string& label_path) {
    const SplitPath parts = split(real_path);
    directories[parts.directory].bases.try_emplace(parts.name, label_path);
  }

  /// Lists the directories of all files that were found, and puts sources together.
  void collect() {
    for (auto& [path, directory] : directories) {
      if (!directory.found.empty() || !directory.bases.empty()) {
        collect(path, directory);
      }
    }
  }

  void collect(const std::string& path, Directory& directory) {
    if (!directory.listed) {
      if (!watch(path, {}, kDirectoryEvents | kFileEvents)) {
        directory.entries.clear();
      } else if (!list(path, directory.entries) && errno != ENOENT && errno != ENOTDIR) {
        problem(path);
        return;
      }
    }
    Sources sources;
    int64_t changed = 0;
    for (int i = 1;; ++i) {
      sources = sources_in(path, directory);
      changed = changed_ns(path);
      // A rotation between the listing and the look at each name hides the file that it renamed,
      // while its successor is seen: it would pass for one that was read long ago.
      std::vector<Entry> again;
      if (!list(path, again) || same_files(directory.entries, again, sources)) {
        break;
      }
      if (i == kMostListings) {
        changed = 0;  // whoever opens these files will find that the names are others
        break;
      }
      directory.entries = std::move(again);
    }
    const bool sure = changed < now_ns - kTimesAreSure;
    for (auto& [name, source] : sources) {
      source.seen = {hash_of_names(directory.entries, name), sure ? changed : 0};
      std::stable_sort(source.files.begin(), source.files.end(), older);
      drop_half_compressed(source);
      result.sources.push_back(std::move(source));
    }
  }

  Sources sources_in(const std::string& path, Directory& directory) const {
    std::set<std::string_view> names;
    for (const Entry& entry : directory.entries) {
      names.insert(entry.name);
    }
    choose_bases(directory, names);
    Sources sources;
    for (const auto& [name, label_path] : directory.bases) {
      ListedSource& source = sources[name];
      source.real_path = join(path, name);
      source.label_path = label_path;
      source.found = still_leads(label_path, source.real_path);
    }
    for (const Entry& entry : directory.entries) {
      auto rotated = parse_rotated(entry.name);
      if (ListedSource* source = source_of(entry, rotated, sources)) {
        add_entry(path, entry, std::move(rotated), *source);
      }
    }
    return sources;
  }

  /// Whose file or predecessor this is, or null. `rotated` becomes nothing for the file itself.
  static ListedSource* source_of(const Entry& entry, std::optional<RotatedName>& rotated,
                                 Sources& sources) {
    auto source = sources.find(entry.name);
    if (source != sources.end()) {
      rotated.reset();
    } else if (rotated) {
      source = sources.find(rotated->base);
    }
    return source == sources.end() ? nullptr : &source->second;
  }

  /// True when the sources' files have the same names in both listings.
  static bool same_files(const std::vector<Entry>& a, const std::vector<Entry>& b,
                         Sources& sources) {
    const auto named = [&](const std::vector<Entry>& entries) {
      std::set<std::pair<std::string_view, ino_t>> files;
      for (const Entry& entry : entries) {
        auto rotated = parse_rotated(entry.name);
        if (source_of(entry, rotated, sources) != nullptr) {
          files.emplace(entry.name, entry.inode);
        }
      }
      return files;
    };
    return named(a) == named(b);
  }

  /// Which of the names found are files of their own, and which ones predecessors of another.
  void choose_bases(Directory& directory, const std::set<std::string_view>& names) const {
    for (const auto& [name, label_path] : directory.found) {
      const auto rotated = parse_rotated(name);
      if (rotated && (rotated->certain || names.contains(rotated->base) ||
                      directory.bases.contains(rotated->base))) {
        const SplitPath label = split(label_path);
        directory.bases.try_emplace(
            rotated->base, label.name == name ? join(label.directory, rotated->base) : label_path);
      }
    }
    for (const auto& [name, label_path] : directory.found) {
      const auto rotated = parse_rotated(name);
      if (!rotated || !directory.bases.contains(rotated->base)) {
        directory.bases.insert_or_assign(name, label_path);
      }
    }
  }

  void add_entry(const std::string& directory, const Entry& entry,
                 std::optional<RotatedName> rotated, ListedSource& source) const {
    const std::string path = join(directory, entry.name);
    struct stat info;
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return;
    }
    ListedFile file;
    file.name = entry.name;
    file.id = {info.st_dev, info.st_ino};
    file.size = static_cast<uint64_t>(info.st_size);
    file.mtime_ns = mtime_ns(info);
    // A link's own name is its label path; the others have the name of the entry.
    file.wanted = discovery.wants(path) ||
                  (rotated ? discovery.wants(join(split(source.label_path).directory, entry.name))
                           : discovery.wants(source.label_path));
    file.rotated = std::move(rotated);
    if (file.rotated || file.wanted) {
      source.files.push_back(std::move(file));
    }
  }

  /// `app.log.1` beside `app.log.1.gz`: it is being compressed, and the .gz may be incomplete.
  static void drop_half_compressed(ListedSource& source) {
    std::set<std::string> plain;
    for (const ListedFile& file : source.files) {
      if (file.rotated && !file.rotated->gzip) {
        plain.insert(file.name);
      }
    }
    std::erase_if(source.files, [&](const ListedFile& file) {
      return file.rotated && file.rotated->gzip &&
             plain.contains(file.name.substr(0, file.name.size() - 3));
    });
  }
};

Discovery::Discovery(const std::vector<std::string>& include,
                     const std::vector<std::string>& exclude,
                     std::shared_ptr<const Descriptor> events)
    : excludes_(exclude), events_(std::move(events)) {
  for (const std::string& pattern : include) {
    if (auto globs = parse_glob(pattern)) {
      globs_.insert(globs_.end(), globs->begin(), globs->end());
    }
  }
}

bool Discovery::wants(std::string_view path) const noexcept {
  return std::ranges::any_of(globs_, [&](const Glob& glob) { return match_path(glob, path); }) &&
         !excludes_.match(path);
}

ScanResult Discovery::scan(const ScanRequest& request) const {
  Scan scan{*this, request.now_ns, {}, {}, {}};
  scan.result.full = request.full;
  // Known sources first: their names decide what is a predecessor.
  for (const auto& [real_path, label_path] : request.sources) {
    scan.add_source(real_path, label_path);
  }
  if (request.full) {
    scan.walk_all();
  } else {
    for (const ScanRequest::Look& look : request.looks) {
      scan.walk(look.path, look.states, look.names, 0);
    }
  }
  scan.collect();
  return std::move(scan.result);
}

}  // namespace tailrace::inputs::tail
