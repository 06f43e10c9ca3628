#include "plugins/inputs/tail/watcher.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <unistd.h>

#include "plugins/inputs/tail/events.h"

namespace tailrace::inputs::tail {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr size_t kMostEarlyEvents = 4096;
// A directory is muted when a turn brings that many events for each source in it, which is when
// looking at all of them is cheaper; for about a second.
constexpr size_t kManyWrites = 16;
constexpr uint32_t kMutedTurns = 10;

std::pair<std::string_view, std::string_view> folder_and_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return {slash == 0 ? path.substr(0, 1) : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Watcher::Watcher() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0) {
    events_ = std::make_shared<const Descriptor>(fd);
    buffer_.resize(kBufferBytes);
  }
}

void Watcher::learn(const ScanResult& scan, WatchListener& listener) {
  std::unordered_set<int> seen;
  for (const WatchedDirectory& found : scan.directories) {
    Directory& directory = directories_[found.watch];
    directory.path = found.path;
    directory.real_path = found.real_path;
    const bool first = seen.insert(found.watch).second;
    if (scan.full && first) {
      directory.states.clear();
      directory.awaited.clear();
    }
    directory.states.insert(found.states.begin(), found.states.end());
    directory.awaited.insert(found.awaited.begin(), found.awaited.end());
  }
  for (const EarlyEvent& event : std::exchange(early_, {})) {
    if (directories_.contains(event.watch)) {
      handle(event.watch, event.mask, event.name, listener);
    }
  }
  if (!scan.full || !scan.problems.empty()) {
    return;
  }
  for (auto entry = directories_.begin(); entry != directories_.end();) {
    if (seen.contains(entry->first)) {
      ++entry;
    } else {
      ::inotify_rm_watch(events_->get(), entry->first);
      entry = directories_.erase(entry);
    }
  }
}

void Watcher::add_name(const std::string& path, Source& source) {
  const auto [directory, name] = folder_and_name(path);
  names_[std::string(directory)].insert_or_assign(std::string(name), &source);
}

void Watcher::remove_name(const std::string& path, const Source& source) {
  const auto [directory, name] = folder_and_name(path);
  const auto names = names_.find(std::string(directory));
  if (names == names_.end()) {
    return;
  }
  const auto entry = names->second.find(name);
  if (entry != names->second.end() && entry->second == &source) {
    names->second.erase(entry);
  }
  if (names->second.empty()) {
    names_.erase(names);
  }
}

bool Watcher::drain(WatchListener& listener) {
  const bool any = read_events(listener);
  look_after_muted(listener);
  mute_busy(listener);
  return any || !muted_.empty();
}

bool Watcher::read_events(WatchListener& listener) {
  bool any = false;
  for (;;) {
    const ssize_t n = ::read(events_->get(), buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return any;
    }
    any = true;
    for (size_t at = 0; at < static_cast<size_t>(n);) {
      inotify_event event;
      std::memcpy(&event, buffer_.data() + at, sizeof event);
      const char* const name = buffer_.data() + at + sizeof event;
      at += sizeof event + event.len;
      handle(event.wd, event.mask, {name, event.len == 0 ? 0 : ::strnlen(name, event.len)},
             listener);
    }
  }
}

void Watcher::mute_busy(WatchListener& listener) {
  for (const int watch : std::exchange(written_, {})) {
    const auto known = directories_.find(watch);
    if (known == directories_.end()) {
      continue;
    }
    Directory& directory = known->second;
    size_t names = 0;
    for_each_name(directory, [&names](Source&) { ++names; });
    if (std::exchange(directory.writes, 0) < kManyWrites * std::max<size_t>(names, 1)) {
      continue;
    }
    if (!ask_for(watch, directory, kDirectoryEvents)) {
      listener.on_confusion(false);
    } else if (std::exchange(directory.muted_turns, kMutedTurns) == 0) {
      muted_.push_back(watch);
    }
  }
}

void Watcher::look_after_muted(WatchListener& listener) {
  std::erase_if(muted_, [&](int watch) {
    const auto known = directories_.find(watch);
    if (known == directories_.end()) {
      return true;
    }
    Directory& directory = known->second;
    const bool over = --directory.muted_turns == 0;
    if (over && !ask_for(watch, directory, kDirectoryEvents | kFileEvents)) {
      listener.on_confusion(false);
    }
    // After its end, too: what was written before the kernel heard of it brings no event.
    for_each_name(directory, [&listener](Source& source) { listener.on_modified(source); });
    return over;
  });
}

bool Watcher::ask_for(int watch, const Directory& directory, uint32_t events) {
  const int got = ::inotify_add_watch(events_->get(), directory.path.c_str(), events | IN_ONLYDIR);
  if (got >= 0 && got != watch && !directories_.contains(got)) {
    ::inotify_rm_watch(events_->get(), got);
  }
  return got == watch;
}

template <class Call>
void Watcher::for_each_name(const Directory& directory, Call call) const {
  for (const std::string* path : {&directory.real_path, &directory.path}) {
    if (const auto names = names_.find(*path); names != names_.end()) {
      for (const auto& [name, source] : names->second) {
        call(*source);
      }
    }
    if (directory.real_path == directory.path) {
      break;
    }
  }
}

void Watcher::handle(int watch, uint32_t mask, std::string_view name, WatchListener& listener) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    listener.on_confusion(true);
    return;
  }
  const auto known = directories_.find(watch);
  if (known == directories_.end()) {
    if (early_.size() == kMostEarlyEvents) {
      early_.clear();
      listener.on_confusion(true);
    }
    early_.push_back({watch, mask, std::string(name)});
    return;
  }
  if ((mask & IN_IGNORED) != 0) {
    directories_.erase(known);
    return;
  }
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
    if ((mask & IN_MOVE_SELF) != 0) {
      ::inotify_rm_watch(events_->get(), watch);
    }
    listener.on_confusion(false);
    return;
  }
  handle_name(watch, known->second, mask, name, listener);
}

void Watcher::handle_name(int watch, Directory& directory, uint32_t mask, std::string_view name,
                          WatchListener& listener) {
  Source* const source = find_source(directory, name);
  if ((mask & IN_MODIFY) != 0) {
    if (directory.writes++ == 0) {
      written_.push_back(watch);
    }
    if (source != nullptr) {
      listener.on_modified(*source);
    }
    return;
  }
  if (source != nullptr) {
    listener.on_renamed(*source);
  } else if ((mask & IN_ISDIR) == 0) {
    if (const auto rotated = parse_rotated(name)) {
      if (Source* base = find_source(directory, rotated->base)) {
        listener.on_renamed(*base);
        return;
      }
    }
  }
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
    follow_awaited(directory, name, listener);
    if (!directory.states.empty()) {
      listener.on_new_name(directory.path, directory.states, name);
    }
  }
}

void Watcher::follow_awaited(Directory& directory, std::string_view name, WatchListener& listener) {
  std::erase_if(directory.awaited, [&](const AwaitedLink& link) {
    const bool has_come = link.target == name;
    if (has_come) {
      listener.on_new_name(link.directory, link.states, link.name);
    }
    return has_come;
  });
}

Source* Watcher::find_source(const Directory& directory, std::string_view name) const {
  // A source is known by its real path, and by that of the link which led to it.
  for (const std::string* path : {&directory.real_path, &directory.path}) {
    if (const auto names = names_.find(*path); names != names_.end()) {
      if (const auto source = names->second.find(name); source != names->second.end()) {
        return source->second;
      }
    }
    if (directory.real_path == directory.path) {
      break;
    }
  }
  return nullptr;
}

}  // namespace tailrace::inputs::tail
