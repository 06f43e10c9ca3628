#include "pipeline/state_dir.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "delivery/state_header.h"
#include "loop/file_layer.h"

namespace tailrace::pipeline {

namespace {

constexpr uint32_t kStateVersion = 1;
constexpr std::string_view kMagic = "tailrace-state ";
constexpr size_t kLongestVersionFile = 4096;

using OpenFile = loop::FileLayer::Open;

Error about(const std::string& path, ErrorCode code, std::string_view what) {
  return {code, fmt::format("agent.state_dir {}: {}", path, what)};
}

/// Why the folder cannot be used, after a system call failed.
Error unusable(const std::string& path, std::string_view doing, int error) {
  const ErrorCode code =
      error == EACCES || error == EPERM || error == EROFS
          ? ErrorCode::permission
          : (error == ENOSPC || error == EDQUOT ? ErrorCode::no_space : ErrorCode::io);
  return about(path, code,
               fmt::format("cannot {}: {}; give the agent's user a folder that it may write to",
                           doing, std::generic_category().message(error)));
}

struct VersionFile {
  uint32_t version = 0;
  std::string build;
};

std::string print(const VersionFile& file) {
  return fmt::format("{}{}\nbuild {}\n", kMagic, file.version, file.build);
}

Result<VersionFile> parse(std::string_view text, const std::string& path) {
  VersionFile file;
  const auto bad = fail(ErrorCode::corrupt,
                        about(path, ErrorCode::corrupt,
                              "the file `version` in it was not written by tailrace; is this the "
                              "right folder? If so, remove that file")
                            .message);
  if (!text.starts_with(kMagic)) {
    return bad;
  }
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + kMagic.size(), end, file.version);
  if (error != std::errc() || file.version == 0 || stopped == end || *stopped != '\n') {
    return bad;
  }
  constexpr std::string_view kBuild = "\nbuild ";
  const std::string_view rest(stopped, static_cast<size_t>(end - stopped));
  if (rest.starts_with(kBuild)) {
    file.build = rest.substr(kBuild.size(), rest.find('\n', 1) - kBuild.size());
  }
  return file;
}

Status write_version(loop::FileLayer& files, const std::string& path) {
  const std::string new_path = path + "/version.new";
  static_cast<void>(files.remove(new_path));  // of an earlier attempt
  auto file = files.open(new_path, OpenFile::create_new);
  Status done;
  if (!file) {
    done = tl::unexpected<Error>(file.error());
  } else {
    done = (*file)->write_at(0, print({kStateVersion, std::string(delivery::running_build())}));
    if (done) {
      done = (*file)->sync();
    }
    file->reset();
  }
  if (done) {
    done = files.rename(new_path, path + "/version");
  }
  if (done) {
    done = files.sync_directory(path);
  }
  return done;
}

/// Refuses a folder that a newer version wrote; writes our version where it does not stand yet.
Status check_version(loop::FileLayer& files, const std::string& path) {
  auto file = files.open(path + "/version", OpenFile::read);
  if (!file && file.error().code != ErrorCode::not_found) {
    return tl::unexpected<Error>(about(path, file.error().code, file.error().message));
  }
  if (file) {
    const auto text = (*file)->read_at(0, kLongestVersionFile);
    if (!text) {
      return tl::unexpected<Error>(about(path, text.error().code, text.error().message));
    }
    const auto found = parse(*text, path);
    if (!found) {
      return tl::unexpected<Error>(found.error());
    }
    if (found->version > kStateVersion) {
      return tl::unexpected<Error>(about(
          path, ErrorCode::unsupported,
          fmt::format("tailrace {} wrote it, with format {}; this is tailrace {}, which knows "
                      "formats up to {}: run the newer version, or give this one another folder",
                      found->build, found->version, delivery::running_build(), kStateVersion)));
    }
    if (found->version == kStateVersion) {
      if (found->build != delivery::running_build()) {
        static_cast<void>(write_version(files, path));  // for people; a full disk may forbid it
      }
      return {};
    }
  }
  if (Status written = write_version(files, path); !written) {
    return tl::unexpected<Error>(about(path, written.error().code, written.error().message));
  }
  return {};
}

/// What the holder wrote into the lock file; "?" when it cannot be read.
std::string holder(int fd) {
  char text[32];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  std::string pid(text, size > 0 ? static_cast<size_t>(size) : 0);
  pid.resize(std::min(pid.find_first_not_of("0123456789"), pid.size()));
  return pid.empty() ? "?" : pid;
}

}  // namespace

Result<StateDir> StateDir::take(const std::string& path) {
  const auto files = loop::make_posix_file_layer();
  if (Status made = files->make_directories(path); !made) {
    return tl::unexpected<Error>(
        about(path, made.error().code,
              made.error().message + "; give the agent's user a folder that it may write to"));
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return tl::unexpected<Error>(unusable(path, "write in it", errno));
  }
  const std::string lock_path = path + "/lock";
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0) {
    return tl::unexpected<Error>(unusable(path, "open its file `lock`", errno));
  }
  StateDir state(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) {
      return tl::unexpected<Error>(
          about(path, ErrorCode::conflict,
                fmt::format("another running agent holds it (pid {}); stop that one, or give each "
                            "its own folder",
                            holder(fd))));
    }
    return tl::unexpected<Error>(unusable(path, "lock its file `lock`", error));
  }
  // For people only: on a full disk it may be missing.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) {
    static_cast<void>(!::pwrite(fd, pid.data(), pid.size(), 0));
  }
  if (Status checked = check_version(*files, path); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  return state;
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

StateDir& StateDir::operator=(StateDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_fd_, other.lock_fd_);
  return *this;
}

StateDir::~StateDir() {
  if (lock_fd_ >= 0) {
    ::close(lock_fd_);  // ends the flock
  }
}

}  // namespace tailrace::pipeline
