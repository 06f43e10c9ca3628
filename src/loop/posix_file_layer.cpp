#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "loop/file_layer.h"

namespace tailrace::loop {

namespace {

// Our state holds what people logged: nobody else's business.
constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;

ErrorCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::no_space;
    case ENOENT:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission;
    case EEXIST:
      return ErrorCode::conflict;
    default:
      return ErrorCode::io;
  }
}

tl::unexpected<Error> system_failure(const char* what, const std::string& path, int error) {
  return fail(code_of(error), std::string("cannot ") + what + " " + path + ": " +
                                  std::generic_category().message(error));
}

class PosixFile final : public StateFile {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status write_at(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return system_failure("write", path_, errno);
      }
      if (n == 0) {
        return fail(ErrorCode::io, "cannot write " + path_ + ": the system took no bytes");
      }
      offset += static_cast<uint64_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::string bytes(size, '\0');
    size_t have = 0;
    while (have < size) {
      const ssize_t n =
          ::pread(fd_, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return system_failure("read", path_, errno);
      }
      if (n == 0) {
        break;
      }
      have += static_cast<size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }

  Result<uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) {
      return system_failure("look at", path_, errno);
    }
    return static_cast<uint64_t>(info.st_size);
  }

  Status truncate(uint64_t size) override {
    int result = 0;
    do {
      result = ::ftruncate(fd_, static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? Status() : system_failure("truncate", path_, errno);
  }

  Status sync() override {
    // Not repeated after EINTR either: what a failed fsync leaves behind is unknown.
    return ::fsync(fd_) == 0 ? Status() : system_failure("sync", path_, errno);
  }

 private:
  int fd_;
  std::string path_;
};

Status sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return system_failure("open the folder", path, errno);
  }
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // Some network and FUSE file systems have no fsync for folders and say so with these.
  if (error == 0 || error == EINVAL || error == ENOTSUP || error == ENOSYS) {
    return {};
  }
  return system_failure("sync the folder", path, error);
}

class PosixFileLayer final : public FileLayer {
 public:
  Result<std::unique_ptr<StateFile>> open(const std::string& path, Open how) override {
    int flags = O_CLOEXEC | O_NOCTTY;
    const char* what = "open";
    switch (how) {
      case Open::read:
        flags |= O_RDONLY;
        break;
      case Open::read_write:
        flags |= O_RDWR;
        break;
      case Open::create_new:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        what = "create";
        break;
    }
    int fd = -1;
    do {
      fd = ::open(path.c_str(), flags, kFileMode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
      return system_failure(what, path, errno);
    }
    return std::unique_ptr<StateFile>(std::make_unique<PosixFile>(fd, path));
  }

  Status rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0
               ? Status()
               : system_failure("rename", from + " to " + to, errno);
  }

  Status remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 ? Status() : system_failure("remove", path, errno);
  }

  Status make_directories(const std::string& path) override {
    std::string level;
    for (const auto& part : std::filesystem::path(path)) {
      const std::string parent = level.empty() ? "." : level;
      level = level.empty() ? part.string() : (std::filesystem::path(level) / part).string();
      if (part.empty() || part == "/") {
        continue;
      }
      if (::mkdir(level.c_str(), kFolderMode) == 0) {
        if (Status synced = sync_folder(parent); !synced) {
          return synced;
        }
        continue;
      }
      const int error = errno;
      std::error_code ignored;
      // Whatever mkdir says (EEXIST, EACCES, EROFS), a folder that is there is all we want.
      if (!std::filesystem::is_directory(level, ignored)) {
        return system_failure("make the folder", level, error == EEXIST ? ENOTDIR : error);
      }
    }
    return {};
  }

  Status sync_directory(const std::string& path) override { return sync_folder(path); }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) {
      return system_failure("list", path, errno);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(folder)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") {
        names.emplace_back(name);
      }
      errno = 0;
    }
    const int error = errno;
    ::closedir(folder);
    if (error != 0) {
      return system_failure("list", path, error);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<uint64_t> free_bytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) {
      return system_failure("look at the file system of", path, errno);
    }
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

}  // namespace

std::unique_ptr<FileLayer> make_posix_file_layer() {
  return std::make_unique<PosixFileLayer>();
}

}  // namespace tailrace::loop
