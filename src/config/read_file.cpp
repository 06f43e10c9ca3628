#include "config/read_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <glob.h>

#include "tailrace/config_files.h"

namespace tailrace::config {
namespace {

tl::unexpected<Error> from_errno(int error) {
  const ErrorCode code = error == ENOENT                     ? ErrorCode::not_found
                         : error == EACCES || error == EPERM ? ErrorCode::permission
                                                             : ErrorCode::io;
  return fail(code, std::strerror(error));
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t max_bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) {
    return from_errno(errno);
  }
  std::string content;
  char block[16 * 1024];
  while (true) {
    const size_t size = std::fread(block, 1, sizeof block, file.get());
    content.append(block, size);
    if (content.size() > max_bytes) {
      return fail(ErrorCode::limit, fmt::format("larger than {} bytes", max_bytes));
    }
    if (size < sizeof block) {
      break;
    }
  }
  if (std::ferror(file.get()) != 0) {
    return from_errno(errno);
  }
  return content;
}

}  // namespace tailrace::config

namespace tailrace {

Result<std::string> read_config_file(const std::string& path, size_t max_bytes) {
  return config::read_file(path, max_bytes);
}

std::vector<std::string> files_matching(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found{};
  // GLOB_PERIOD: a `*` stands for any name, as in Go.
  if (::glob(pattern.c_str(), GLOB_PERIOD | GLOB_NOSORT, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string path = found.gl_pathv[i];
      if (!path.ends_with("/.") && !path.ends_with("/..") && path != "." && path != "..") {
        out.push_back(path);
      }
    }
  }
  ::globfree(&found);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace tailrace
