#include "testkit/crash_fs.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "tailrace/check.h"

#include "testkit/crash_fs_model.h"

namespace tailrace::testkit {

using crash_model::Change;
using crash_model::Fate;
using crash_model::Folder;
using crash_model::NameChange;
using crash_model::Node;
using crash_model::Random;

namespace {

using Kind = CrashFs::Operation::Kind;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

tl::unexpected<Error> missing(const std::string& path) {
  return fail(ErrorCode::not_found, path + ": No such file or directory");
}

}  // namespace

struct CrashFs::Disk {
  mutable std::mutex mutex;  // guards everything below
  std::map<std::string, Folder> folders;
  std::vector<Operation> operations;
  uint64_t syncs = 0;
  uint64_t crash_at = 0;
  bool crashed = false;
  std::function<std::optional<ErrorCode>(const Operation&)> injector;
  std::function<void(const Operation&)> watcher;
  std::optional<uint64_t> capacity;
  std::string unreadable;
  std::set<uint64_t> lies;
  std::vector<std::pair<Kind, std::string>> kinds_of_lies;  // with a part of the path

  /// What an operation meets. With `cut` it has begun and takes effect as far as its kind can.
  struct Verdict {
    std::optional<Error> error;
    bool cut = false;
    bool lie = false;
  };

  Verdict meet(std::unique_lock<std::mutex>& lock, Kind kind, const std::string& path) {
    if (crashed) {
      return {Error{ErrorCode::io, path + ": the machine is off"}, false, false};
    }
    Operation operation{kind, path, operations.size() + 1, 0};
    if (kind == Kind::sync_file || kind == Kind::sync_folder) {
      operation.sync_number = ++syncs;
    }
    operations.push_back(operation);
    if (watcher) {
      const auto watch = watcher;
      lock.unlock();
      watch(operation);
      lock.lock();
    }
    if (crashed || operation.number == crash_at) {
      const bool now = !std::exchange(crashed, true);
      return {Error{ErrorCode::io, path + ": the power failed"}, now, false};
    }
    if (injector) {
      if (const auto code = injector(operation)) {
        return {Error{*code, path + ": injected failure"}, false, false};
      }
    }
    const bool lie =
        lies.count(operation.sync_number) != 0 ||
        std::ranges::any_of(kinds_of_lies, [&](const auto& lied_about) {
          return lied_about.first == kind && path.find(lied_about.second) != std::string::npos;
        });
    return {std::nullopt, false, lie};
  }

  Folder* folder_for(const std::string& path) {
    const auto found = folders.find(folder_of(path));
    return found == folders.end() ? nullptr : &found->second;
  }
  std::shared_ptr<Node> find(const std::string& path) {
    if (Folder* folder = folder_for(path)) {
      const auto found = folder->seen.find(name_of(path));
      return found == folder->seen.end() ? nullptr : found->second;
    }
    return nullptr;
  }
  uint64_t bytes_used() const {
    uint64_t total = 0;
    for (const auto& [path, folder] : folders) {
      for (const auto& [name, node] : folder.seen) {
        total += node->seen.size();
      }
    }
    return total;
  }
};

class CrashFs::File final : public loop::StateFile {
 public:
  File(std::shared_ptr<Disk> disk, std::shared_ptr<Node> node, std::string path, bool writable)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable) {}

  Status write_at(uint64_t offset, std::string_view bytes) override {
    std::unique_lock lock(disk_->mutex);
    auto verdict = writable_ ? disk_->meet(lock, Kind::write, path_) : not_writable();
    if (verdict.error && !verdict.cut) {
      bytes = disk_->crashed ? std::string_view() : bytes.substr(0, bytes.size() / 2);
    }
    if (!verdict.error && disk_->capacity) {
      const uint64_t used = disk_->bytes_used() - node_->seen.size();
      const uint64_t room = *disk_->capacity - std::min(*disk_->capacity, used + offset);
      if (bytes.size() > room) {
        bytes = bytes.substr(0, room);
        verdict.error = Error{ErrorCode::no_space, path_ + ": No space left on device"};
      }
    }
    if (!bytes.empty() && writable_) {
      change({false, offset, std::string(bytes), false});
    }
    return answer(verdict);
  }

  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::lock_guard lock(disk_->mutex);
    if (disk_->crashed ||
        (!disk_->unreadable.empty() && path_.find(disk_->unreadable) != std::string::npos)) {
      return fail(ErrorCode::io, path_ + ": Input/output error");
    }
    return offset >= node_->seen.size() ? std::string() : node_->seen.substr(offset, size);
  }

  Result<uint64_t> size() override {
    std::lock_guard lock(disk_->mutex);
    return node_->seen.size();
  }

  Status truncate(uint64_t size) override {
    std::unique_lock lock(disk_->mutex);
    const auto verdict = writable_ ? disk_->meet(lock, Kind::truncate, path_) : not_writable();
    if (!verdict.error || verdict.cut) {
      change({true, size, {}, false});
    }
    return answer(verdict);
  }

  Status sync() override {
    std::unique_lock lock(disk_->mutex);
    const auto verdict = disk_->meet(lock, Kind::sync_file, path_);
    if (!verdict.error && !verdict.lie) {
      for (const Change& change : node_->pending) {
        if (!change.doomed) {
          put(node_->disk, change);
        }
      }
      node_->pending.clear();
    } else if (verdict.error && !disk_->crashed) {
      for (Change& change : node_->pending) {
        change.doomed = true;
      }
    }
    return answer(verdict);
  }

 private:
  void change(Change change) {
    put(node_->seen, change);
    node_->pending.push_back(std::move(change));
  }
  Disk::Verdict not_writable() const {
    return {Error{ErrorCode::io, path_ + ": Bad file descriptor"}, false, false};
  }
  static Status answer(const Disk::Verdict& verdict) {
    return verdict.error ? Status(tl::unexpected<Error>(*verdict.error)) : Status();
  }

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Node> node_;
  std::string path_;
  bool writable_;
};

CrashFs::CrashFs() : CrashFs(std::make_shared<Disk>()) {}
CrashFs::CrashFs(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
CrashFs::~CrashFs() = default;

Result<std::unique_ptr<loop::StateFile>> CrashFs::open(const std::string& path, Open how) {
  std::unique_lock lock(disk_->mutex);
  std::shared_ptr<Node> node = disk_->find(path);
  if (how == Open::create_new) {
    Folder* folder = disk_->folder_for(path);
    if (folder == nullptr) {
      return missing(path);
    }
    if (node != nullptr) {
      return fail(ErrorCode::conflict, path + ": File exists");
    }
    const auto verdict = disk_->meet(lock, Kind::create, path);
    if (!verdict.error || verdict.cut) {
      node = std::make_shared<Node>();
      folder->seen[name_of(path)] = node;
      folder->pending.push_back({NameChange::What::create, name_of(path), {}, node});
    }
    if (verdict.error) {
      return tl::unexpected<Error>(*verdict.error);
    }
  } else if (disk_->crashed) {
    return fail(ErrorCode::io, path + ": the machine is off");
  } else if (node == nullptr) {
    return missing(path);
  }
  return std::unique_ptr<loop::StateFile>(
      std::make_unique<File>(disk_, std::move(node), path, how != Open::read));
}

Status CrashFs::rename(const std::string& from, const std::string& to) {
  TR_CHECK(folder_of(from) == folder_of(to));  // across folders it would be two changes
  std::unique_lock lock(disk_->mutex);
  const std::shared_ptr<Node> node = disk_->find(from);
  if (node == nullptr) {
    return missing(from);
  }
  const auto verdict = disk_->meet(lock, Kind::rename, to);
  if (!verdict.error || verdict.cut) {
    Folder& folder = *disk_->folder_for(from);
    folder.seen.erase(name_of(from));
    folder.seen[name_of(to)] = node;
    folder.pending.push_back({NameChange::What::rename, name_of(from), name_of(to), node});
  }
  return verdict.error ? Status(tl::unexpected<Error>(*verdict.error)) : Status();
}

Status CrashFs::remove(const std::string& path) {
  std::unique_lock lock(disk_->mutex);
  const std::shared_ptr<Node> node = disk_->find(path);
  if (node == nullptr) {
    return missing(path);
  }
  const auto verdict = disk_->meet(lock, Kind::remove, path);
  if (!verdict.error || verdict.cut) {
    Folder& folder = *disk_->folder_for(path);
    folder.seen.erase(name_of(path));
    folder.pending.push_back({NameChange::What::remove, name_of(path), {}, node});
  }
  return verdict.error ? Status(tl::unexpected<Error>(*verdict.error)) : Status();
}

Status CrashFs::make_directories(const std::string& path) {
  std::unique_lock lock(disk_->mutex);
  const std::string wanted = without_slash(path);
  if (disk_->folders.count(wanted) != 0) {
    return {};
  }
  const auto verdict = disk_->meet(lock, Kind::make_directories, wanted);
  if (verdict.error) {
    return tl::unexpected<Error>(*verdict.error);
  }
  for (std::string level = wanted;; level = folder_of(level)) {
    disk_->folders[level];
    if (level == folder_of(level) || level == ".") {
      return {};
    }
  }
}

Status CrashFs::sync_directory(const std::string& path) {
  std::unique_lock lock(disk_->mutex);
  const auto found = disk_->folders.find(without_slash(path));
  if (found == disk_->folders.end()) {
    return missing(path);
  }
  const auto verdict = disk_->meet(lock, Kind::sync_folder, path);
  if (verdict.error) {
    return tl::unexpected<Error>(*verdict.error);
  }
  if (!verdict.lie) {
    found->second.disk = found->second.seen;
    found->second.pending.clear();
  }
  return {};
}

Result<std::vector<std::string>> CrashFs::list(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  const std::string wanted = without_slash(path);
  const auto found = disk_->folders.find(wanted);
  if (found == disk_->folders.end()) {
    return missing(path);
  }
  std::vector<std::string> names;
  for (const auto& [name, node] : found->second.seen) {
    names.push_back(name);
  }
  for (const auto& [folder, content] : disk_->folders) {
    if (folder != wanted && folder_of(folder) == wanted) {
      names.push_back(name_of(folder));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<uint64_t> CrashFs::free_bytes(const std::string&) {
  std::lock_guard lock(disk_->mutex);
  const uint64_t capacity = disk_->capacity.value_or(1ull << 40);
  return capacity - std::min(capacity, disk_->bytes_used());
}

std::unique_ptr<CrashFs> CrashFs::survive(uint64_t seed) const {
  std::lock_guard lock(disk_->mutex);
  Random random(seed);
  const Fate names = seed == 0 || seed == 3   ? Fate::nothing
                     : seed == 1 || seed == 2 ? Fate::everything
                                              : Fate::random;
  const Fate bytes = seed == 0 || seed == 2   ? Fate::nothing
                     : seed == 1 || seed == 3 ? Fate::everything
                                              : Fate::random;
  auto after = std::make_shared<Disk>();
  after->capacity = disk_->capacity;
  for (const auto& [path, folder] : disk_->folders) {
    Folder& twin = after->folders[path];
    for (const auto& [name, node] : surviving_names(folder, names, random)) {
      auto copy = std::make_shared<Node>();
      copy->disk = surviving_bytes(*node, bytes, random);
      copy->seen = copy->disk;
      twin.seen[name] = copy;
    }
    twin.disk = twin.seen;
  }
  return std::unique_ptr<CrashFs>(new CrashFs(std::move(after)));
}

void CrashFs::crash_at(uint64_t number) {
  std::lock_guard lock(disk_->mutex);
  disk_->crash_at = number;
}

void CrashFs::crash() {
  std::lock_guard lock(disk_->mutex);
  disk_->crashed = true;
}

bool CrashFs::crashed() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->crashed;
}

void CrashFs::inject(std::function<std::optional<ErrorCode>(const Operation&)> injector) {
  std::lock_guard lock(disk_->mutex);
  disk_->injector = std::move(injector);
}

void CrashFs::fail_from(uint64_t number, ErrorCode code) {
  inject([number, code](const Operation& operation) {
    return operation.number >= number ? std::optional(code) : std::nullopt;
  });
}

void CrashFs::fail_sync(uint64_t sync_number) {
  inject([sync_number](const Operation& operation) {
    return operation.sync_number == sync_number ? std::optional(ErrorCode::io) : std::nullopt;
  });
}

void CrashFs::heal() {
  inject(nullptr);
}

void CrashFs::set_capacity(uint64_t bytes) {
  std::lock_guard lock(disk_->mutex);
  disk_->capacity = bytes;
}

void CrashFs::fail_reads_of(std::string part_of_path) {
  std::lock_guard lock(disk_->mutex);
  disk_->unreadable = std::move(part_of_path);
}

void CrashFs::lie_about_sync(uint64_t sync_number) {
  std::lock_guard lock(disk_->mutex);
  disk_->lies.insert(sync_number);
}

void CrashFs::lie_about_syncs(Operation::Kind kind, std::string part_of_path) {
  std::lock_guard lock(disk_->mutex);
  disk_->kinds_of_lies.emplace_back(kind, std::move(part_of_path));
}

void CrashFs::on_operation(std::function<void(const Operation&)> watcher) {
  std::lock_guard lock(disk_->mutex);
  disk_->watcher = std::move(watcher);
}

std::vector<CrashFs::Operation> CrashFs::operations() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->operations;
}

uint64_t CrashFs::operation_count() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->operations.size();
}

uint64_t CrashFs::sync_count() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->syncs;
}

std::vector<std::string> CrashFs::paths() const {
  std::lock_guard lock(disk_->mutex);
  std::vector<std::string> paths;
  for (const auto& [path, folder] : disk_->folders) {
    for (const auto& [name, node] : folder.seen) {
      paths.emplace_back(path).append("/").append(name);
    }
  }
  return paths;
}

std::optional<std::string> CrashFs::contents(const std::string& path) const {
  std::lock_guard lock(disk_->mutex);
  const auto node = disk_->find(path);
  return node == nullptr ? std::nullopt : std::optional(node->seen);
}

void CrashFs::overwrite(const std::string& path, std::string bytes) {
  std::lock_guard lock(disk_->mutex);
  Folder& folder = disk_->folders[folder_of(path)];
  auto& node = folder.seen[name_of(path)];
  if (node == nullptr) {
    node = std::make_shared<Node>();
    folder.disk[name_of(path)] = node;
  }
  node->seen = bytes;
  node->disk = std::move(bytes);
  node->pending.clear();
}

}  // namespace tailrace::testkit
