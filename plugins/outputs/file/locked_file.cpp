#include "plugins/outputs/file/locked_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tailrace::outputs::file {

namespace {

// Logs are for their owner and group.
constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;
// A file that is replaced as often as this while we open it is somebody's game.
constexpr int kMostTries = 10;

ErrorCode code_of(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::no_space;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    default:
      return ErrorCode::io;
  }
}

}  // namespace

tl::unexpected<Error> file_failure(std::string_view doing, const std::string& path, int error) {
  return fail(code_of(error), "cannot " + std::string(doing) + " " + path + ": " +
                                  std::generic_category().message(error));
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
  if (fd >= 0) {
    ::close(fd);
  }
  if (error != 0) {
    return file_failure("sync", folder, error);
  }
  return {};
}

Status make_folders(const std::string& folder) {
  struct stat info {};
  if (stat(folder.c_str(), &info) == 0 || folder == "." || folder == "/") {
    return {};
  }
  if (Status above = make_folders(folder_of(folder)); !above) {
    return above;
  }
  if (mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return file_failure("make the folder", folder, errno);
  }
  return sync_folder(folder_of(folder));
}

tl::unexpected<Error> LockedFile::failure(const char* what, int error) const {
  return file_failure(what, path_, error);
}

bool LockedFile::is_at(const std::string& path) const noexcept {
  struct stat here {};
  struct stat there {};
  return fd_ >= 0 && fstat(fd_, &here) == 0 && stat(path.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

Status LockedFile::open(const std::string& path) {
  close();
  path_ = path;
  // O_NONBLOCK: the opening of a FIFO would wait for its other end.
  constexpr int kFlags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK;
  fd_ = ::open(path.c_str(), kFlags);
  if (fd_ < 0 && errno == ENOENT) {
    if (Status folders = make_folders(folder_of(path)); !folders) {
      return folders;
    }
    fd_ = ::open(path.c_str(), kFlags | O_CREAT, kFileMode);
    if (fd_ >= 0) {
      if (Status synced = sync_folder(folder_of(path)); !synced) {
        close();
        return synced;
      }
    }
  }
  if (fd_ < 0) {
    return failure("open", errno);
  }
  struct stat info {};
  if (fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close();
    return fail(ErrorCode::invalid, path + " is not a regular file");
  }
  return {};
}

Status LockedFile::lock(const std::string& path) {
  for (int i = 0; i < kMostTries; ++i) {
    if (!is_at(path)) {
      if (Status opened = open(path); !opened) {
        return opened;
      }
    }
    while (flock(fd_, LOCK_EX) != 0) {
      if (errno != EINTR) {
        return failure("lock", errno);
      }
    }
    // Whoever held the lock before may have rotated the file away.
    if (is_at(path)) {
      struct stat info {};
      if (fstat(fd_, &info) != 0) {
        return failure("look at", errno);
      }
      size_ = static_cast<uint64_t>(info.st_size);
      return {};
    }
  }
  close();
  return fail(ErrorCode::conflict, path + " is replaced again and again");
}

void LockedFile::unlock() noexcept {
  if (fd_ >= 0) {
    flock(fd_, LOCK_UN);
  }
}

void LockedFile::close() noexcept {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

Result<uint64_t> LockedFile::cut_torn_tail() {
  std::array<char, 64 * 1024> buffer;
  // The first look at the last byte is all that is needed nearly always.
  uint64_t end = size_;
  size_t span = 1;
  while (end > 0) {
    const size_t want = std::min<uint64_t>(end, span);
    const ssize_t got = pread(fd_, buffer.data(), want, static_cast<off_t>(end - want));
    if (got != static_cast<ssize_t>(want)) {
      return failure("read", got < 0 ? errno : EIO);
    }
    const std::string_view seen(buffer.data(), want);
    if (const size_t newline = seen.rfind('\n'); newline != seen.npos) {
      end = end - want + newline + 1;
      break;
    }
    end -= want;
    span = buffer.size();
  }
  const uint64_t torn = size_ - end;
  if (torn > 0) {
    if (Status cut = truncate(end); !cut) {
      return tl::unexpected<Error>(cut.error());
    }
  }
  return torn;
}

Status LockedFile::append(std::string_view text) {
  const uint64_t before = size_;
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd_, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote <= 0) {
      const int error = wrote < 0 ? errno : EIO;
      // Should this fail as well, the torn tail is cut before the next write.
      [[maybe_unused]] const Status cut = truncate(before);
      return failure("write to", error);
    }
    text.remove_prefix(static_cast<size_t>(wrote));
    size_ += static_cast<uint64_t>(wrote);
  }
  return {};
}

Status LockedFile::sync() {
  if (fdatasync(fd_) != 0) {
    return failure("sync", errno);
  }
  return {};
}

Status LockedFile::truncate(uint64_t size) {
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    return failure("cut", errno);
  }
  size_ = size;
  return {};
}

}  // namespace tailrace::outputs::file
