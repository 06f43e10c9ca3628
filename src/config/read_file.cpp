#include "config/read_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>

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
