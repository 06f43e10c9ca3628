#include "net/watched_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tailrace/log.h"

namespace tailrace::net {

namespace {

constexpr int64_t kLookEveryNs = 1'000'000'000;
// Passwords, tokens and certificate bundles are far below; a wrong path (a device, a log) is not.
constexpr size_t kMaxFileBytes = 4 * 1024 * 1024;

Error error_of(const std::string& path, int number) {
  const ErrorCode code = number == ENOENT                      ? ErrorCode::not_found
                         : number == EACCES || number == EPERM ? ErrorCode::permission
                                                               : ErrorCode::io;
  return {code, fmt::format("cannot read {}: {}", path, std::strerror(number))};
}

Result<std::string> read_all(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return tl::unexpected<Error>(error_of(path, errno));
  }
  std::string content;
  char chunk[16 * 1024];
  Result<std::string> result;
  while (true) {
    const ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      result = tl::unexpected<Error>(error_of(path, errno));
      break;
    }
    if (n == 0) {
      result = std::move(content);
      break;
    }
    content.append(chunk, static_cast<size_t>(n));
    if (content.size() > kMaxFileBytes) {
      result = fail(ErrorCode::limit,
                    fmt::format("cannot read {}: it is larger than {} bytes", path, kMaxFileBytes));
      break;
    }
  }
  close(fd);
  return result;
}

}  // namespace

/// What tells one version of a file from the next.
struct WatchedFiles::Seen {
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  friend bool operator==(const Seen&, const Seen&) = default;
};

/// One look, made on a worker thread: it owns or shares all that it touches.
struct WatchedFiles::Look {
  std::vector<std::string> paths;
  std::shared_ptr<const Contents> old_contents;
  std::shared_ptr<const std::map<std::string, Seen>> old_seen;
  Contents contents;
  std::map<std::string, Seen> seen;
  bool changed = false;
  Status missing;                       // a file without any content, not even an old one
  std::vector<std::string> unreadable;  // messages for files that keep their old content
};

WatchedFiles::WatchedFiles(Lane& lane, std::vector<std::string> paths)
    : lane_(lane), paths_(std::move(paths)) {
  std::ranges::sort(paths_);
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
  std::erase(paths_, std::string());
  if (paths_.empty()) {
    contents_ = std::make_shared<Contents>();
  }
}

WatchedFiles::~WatchedFiles() = default;

void WatchedFiles::look_at(Look& look) {
  static const std::map<std::string, Seen> none;
  const auto& old_seen = look.old_seen ? *look.old_seen : none;
  for (const std::string& path : look.paths) {
    const auto known = old_seen.find(path);
    struct stat info {};
    const bool there = stat(path.c_str(), &info) == 0;
    const int stat_error = errno;
    const Seen now{info.st_ino, info.st_size,
                   info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                   info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec};
    if (there && known != old_seen.end() && known->second == now) {
      look.contents[path] = look.old_contents->at(path);
      look.seen[path] = now;
      continue;
    }
    Result<std::string> content =
        there ? read_all(path)
              : Result<std::string>(tl::unexpected<Error>(error_of(path, stat_error)));
    if (content) {
      look.contents[path] = std::move(*content);
      look.seen[path] = now;
      look.changed = true;
    } else if (known != old_seen.end()) {
      look.contents[path] = look.old_contents->at(path);
      look.seen[path] = known->second;
      look.unreadable.push_back(content.error().message);
    } else if (look.missing) {
      look.missing = tl::unexpected<Error>(content.error());
    }
  }
}

void WatchedFiles::take(const Look& look) {
  looked_ = true;
  looked_ns_ = lane_.clock().monotonic_ns();
  for (const std::string& message : look.unreadable) {
    log_line(LogLevel::warn, "net", "unreadable",
             fmt::format("{}; its last content stays in use", message));
  }
  status_ = look.missing;
  if (!look.missing) {
    return;
  }
  if (look.changed || !contents_) {
    contents_ = std::make_shared<const Contents>(look.contents);
  }
  seen_ = std::make_shared<const std::map<std::string, Seen>>(look.seen);
}

Status WatchedFiles::load_now() {
  Look look{paths_, contents_, seen_, {}, {}, false, {}, {}};
  look_at(look);
  take(look);
  return status_;
}

bool WatchedFiles::is_fresh() const {
  return paths_.empty() ||
         (!looking_ && looked_ && lane_.clock().monotonic_ns() - looked_ns_ < kLookEveryNs);
}

void WatchedFiles::fresh(Done done) {
  if (is_fresh()) {
    done(status_, status_ ? contents_ : nullptr);
    return;
  }
  waiting_.push_back(std::move(done));
  if (looking_) {
    return;
  }
  looking_ = true;
  auto look = std::make_shared<Look>(Look{paths_, contents_, seen_, {}, {}, false, {}, {}});
  lane_.offload([look] { look_at(*look); },
                [this, look, alive = std::weak_ptr<char>(alive_)] {
                  if (alive.expired()) {
                    return;
                  }
                  looking_ = false;
                  take(*look);
                  const Status status = status_;
                  const auto contents = status ? contents_ : nullptr;
                  for (Done& waiter : std::exchange(waiting_, {})) {
                    waiter(status, contents);
                    if (alive.expired()) {
                      return;
                    }
                  }
                });
}

std::string trimmed(const std::string& content) {
  const char* blanks = " \t\r\n";
  const size_t first = content.find_first_not_of(blanks);
  if (first == std::string::npos) {
    return {};
  }
  return content.substr(first, content.find_last_not_of(blanks) - first + 1);
}

}  // namespace tailrace::net
