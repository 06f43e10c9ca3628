#include "plugins/inputs/tail/catalog.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tailrace::inputs::tail {
namespace {

constexpr std::chrono::minutes kLongestRetry{10};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

Catalog::Catalog(const TailConfig& config, InputContext& context, Stats& stats,
                 FileCheckpoints& checkpoints, Watcher& watcher, CatalogListener& listener)
    : config_(config),
      context_(context),
      lane_(context.lane()),
      stats_(stats),
      checkpoints_(checkpoints),
      watcher_(watcher),
      listener_(listener) {
  if (config.exclude_self) {
    own_pod_ = environment("POD_NAME");
    own_namespace_ = environment("POD_NAMESPACE");
    if (own_pod_.empty()) {
      own_pod_ = host_name();  // the pod's name, unless it is on the host's network
    }
  }
}

std::map<std::string, std::string> Catalog::known_paths() const {
  std::map<std::string, std::string> paths;
  for (const auto& [path, source] : sources_) {
    paths.emplace(path, source->label_path);
  }
  return paths;
}

bool Catalog::owns(uint64_t order_hash) const {
  return config_.deal->owner(order_hash, lane_.count()) == lane_.id();
}

bool Catalog::is_ours(const ListedSource& listed) const {
  if (!owns(order_hash(listed.label_path, listed.real_path))) {
    return false;
  }
  if (own_pod_.empty()) {
    return true;
  }
  for (const std::string* path : {&listed.label_path, &listed.real_path}) {
    if (const auto container = parse_container_path(*path)) {
      if (container->pod == own_pod_ &&
          (own_namespace_.empty() || container->name_space == own_namespace_)) {
        return false;
      }
    }
  }
  return true;
}

Source* Catalog::find_or_make(const ListedSource& listed) {
  if (const auto known = sources_.find(listed.real_path); known != sources_.end()) {
    return known->second.get();
  }
  if (listed.files.empty()) {
    return nullptr;
  }
  if (!is_ours(listed)) {
    for (const ListedFile& file : listed.files) {
      foreign_inodes_.insert(file.id.inode);
    }
    return nullptr;
  }
  auto source = std::make_unique<Source>();
  source->real_path = listed.real_path;
  source->label_path = listed.label_path;
  source->container = parse_container_path(listed.label_path).has_value() ||
                      parse_container_path(listed.real_path).has_value();
  watcher_.add_name(source->real_path, *source);
  watcher_.add_name(source->label_path, *source);
  config_.deal->taken(order_hash(source->label_path, source->real_path));
  Source* const made = source.get();
  sources_.emplace(listed.real_path, std::move(source));
  return made;
}

void Catalog::apply(ScanResult& scan) {
  // First where everything is that we know: a file may have moved from one source to another.
  foreign_inodes_.clear();
  std::vector<std::pair<Source*, ListedSource*>> ours;
  for (ListedSource& listed : scan.sources) {
    if (Source* source = find_or_make(listed)) {
      ours.emplace_back(source, &listed);
      source->found = listed.found;
      source->listed = listed.files.size();
      locate(*source, listed.files, scan.full);
    }
  }
  for (const auto& [source, listed] : ours) {
    mark_missing(*source);
  }
  std::vector<Source*> empty;
  for (const auto& [source, listed] : ours) {
    const bool nothing_there = listed->files.empty() || !source->found;
    look_for_new(*source, *listed, scan.full);
    if (source->files.empty() && !source->opening && nothing_there) {
      empty.push_back(source);
    }
  }
  for (Source* source : empty) {
    forget(*source);
  }
  initial_ = initial_ && !scan.full;
}

/// Finds the open files of a source in its listing.
void Catalog::locate(Source& source, const Listing& files, bool full) {
  for (const auto& file : source.files) {
    file->located = false;
  }
  const std::string directory = source.directory();
  for (const ListedFile& listed : files) {
    const auto known = by_id_.find(listed.id);
    if (known == by_id_.end() || known->second->source != &source || known->second->gone) {
      continue;
    }
    File& file = *known->second;
    file.located = true;
    if (std::string path = directory + listed.name; path != file.path) {
      unwatch_name(file);
      file.path = std::move(path);
    }
    file.wanted = listed.wanted;
    if (!listed.rotated && source.found) {
      file.rotated = false;  // also when a rotation was undone
    } else if (!file.rotated) {
      listener_.on_rotated(file);
    }
    watch_name(file);
    listener_.on_listed(file, listed, full);
  }
}

void Catalog::watch_name(File& file) {
  if (file.rotated && file.wanted) {
    watcher_.add_name(file.path, *file.source);
  }
}

void Catalog::unwatch_name(const File& file) {
  const Source& source = *file.source;
  if (!file.rotated || !file.wanted || file.path == source.real_path ||
      file.path == source.label_path) {
    return;
  }
  // A file without a name keeps its last one, which is the next file's by now.
  const bool is_shared = std::ranges::any_of(source.files, [&](const auto& other) {
    return other.get() != &file && other->rotated && other->wanted && other->path == file.path;
  });
  if (!is_shared) {
    watcher_.remove_name(file.path, source);
  }
}

/// What the listing does not have was deleted, or moved to where no pattern leads.
void Catalog::mark_missing(Source& source) {
  for (const auto& file : source.files) {
    if (file->located || file->gone) {
      continue;
    }
    struct stat info;
    if (!file->unlinked && ::fstat(file->descriptor->get(), &info) == 0) {
      file->size = file->gzip ? file->size : static_cast<uint64_t>(info.st_size);
      if (info.st_nlink == 0) {
        file->unlinked = true;
        file->receipts.set_not_rereadable();
      }
    }
    if (!file->rotated) {
      listener_.on_rotated(*file);
    }
  }
}

bool Catalog::too_old(const Source& source, const ListedFile& file) {
  return config_.ignore_older.count() != 0 &&
         file.mtime_ns < lane_.clock().wall_ns() - config_.ignore_older.count() &&
         checkpoints_.left_for(source.real_path, {file.id.inode}).empty();
}

/// Opens what may have to be read and is not open.
void Catalog::look_for_new(Source& source, ListedSource& listed, bool full) {
  Listing& files = listed.files;
  if (source.opening) {
    source.relist = true;  // the answer of the worker is about an older listing
    return;
  }
  // What cannot be read is tried again more and more seldom, but when a name changes at once.
  if (!source.found || (full && !source.problem.empty() && now() < source.retry_ns)) {
    files.clear();
  }
  size_t newest_known = 0;  // 1 + its index
  std::unordered_set<FileId, FileIdHash> seen;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto known = by_id_.find(files[i].id);
    if (known == by_id_.end()) {
      continue;
    }
    File& file = *known->second;
    if (file.source != &source && file.rotated && !file.located && !file.gone) {
      adopt(source, file, files[i]);
    }
    if (file.source == &source) {
      newest_known = i + 1;
    }
  }
  std::vector<size_t> wanted;
  for (size_t i = 0; i < files.size(); ++i) {
    const bool known = by_id_.contains(files[i].id) || !seen.insert(files[i].id).second;
    const bool done = i < newest_known && !files[i].wanted && source.truncated == nullptr;
    if (!known && !done && !too_old(source, files[i])) {
      wanted.push_back(i);
    }
  }
  if (!wanted.empty()) {
    start_opening(source, listed, std::move(wanted));
  } else if (source.truncated != nullptr) {
    listener_.on_truncation_solved(source, nullptr);
  }
}

/// The file was renamed to a name that a pattern finds: it goes on as that source's, with the
/// labels that it has.
void Catalog::adopt(Source& source, File& file, const ListedFile& listed) {
  Source& old = *file.source;
  const auto place =
      std::ranges::find(old.files, &file, [](const auto& entry) { return entry.get(); });
  const std::shared_ptr<File> kept = *place;
  unwatch_name(file);
  old.files.erase(place);
  file.source = &source;
  file.path = source.directory() + listed.name;
  file.located = true;
  file.rotated = listed.rotated.has_value();
  file.wanted = listed.wanted;
  source.files.push_back(kept);
  watch_name(file);
  listener_.on_listed(file, listed, false);
  listener_.on_chain(old);
  if (old.files.empty() && !old.opening) {
    listener_.on_relist(old);
  }
}

void Catalog::report_problem(Source& source, const std::string& problem) {
  stats_.unreadable.increment();
  const auto wait = std::min<Duration>(
      config_.rescan_interval * (int64_t{1} << std::min(source.failures, 6U)), kLongestRetry);
  source.retry_ns = now() + wait.count();
  ++source.failures;
  if (source.problem != problem) {
    source.problem = problem;
    context_.log().warn("unreadable", fmt::format("cannot read {} ({}); it is tried again",
                                                  source.real_path, problem));
  }
}

void Catalog::replace_truncated(File& old) {
  Source& source = *old.source;
  if (source.truncated != nullptr) {
    listener_.on_truncation_solved(source, nullptr);  // twice in a moment
  }
  auto place = std::ranges::find(source.files, &old, [](const auto& file) { return file.get(); });
  auto file = std::make_shared<File>();
  file->source = &source;
  file->descriptor = old.descriptor;
  file->id = old.id;
  file->path = old.path;
  file->real_path = source.real_path;
  file->label_path = source.label_path;
  file->rotated = old.rotated;
  file->wanted = old.wanted;
  file->unlinked = old.unlinked;
  file->rotated_ns = file->data_ns = now();
  file->framing.fallback_time = old.mtime_ns;
  by_id_.insert_or_assign(file->id, file.get());
  old.gone = true;
  old.rotated = true;
  old.located = false;
  old.at_end = true;
  old.receipts.set_not_rereadable();
  source.truncated = *place;
  source.files.insert(place + 1, std::move(file));
}

void Catalog::close(File& file) {
  file.descriptor = nullptr;
  const auto known = by_id_.find(file.id);
  if (known != by_id_.end() && known->second == &file) {
    by_id_.erase(known);
  }
}

void Catalog::remove(File& file) {
  Source& source = *file.source;
  close(file);
  unwatch_name(file);
  source.known_mtime_ns = std::max(source.known_mtime_ns, file.mtime_ns);
  std::erase_if(source.files, [&](const auto& entry) { return entry.get() == &file; });
  if (source.files.empty() && !source.opening) {
    listener_.on_relist(source);  // it goes when the listing has nothing for it either
  }
}

void Catalog::forget(Source& source) {
  watcher_.remove_name(source.real_path, source);
  watcher_.remove_name(source.label_path, source);
  config_.deal->gone(order_hash(source.label_path, source.real_path));
  sources_.erase(std::string(source.real_path));
}

}  // namespace tailrace::inputs::tail
