#include "plugins/inputs/prometheus_scrape/failure_log.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "codec/json_text.h"
#include "codec/timestamp.h"

namespace tailrace::inputs::prometheus_scrape {

namespace {

/// Appends everything; returns an errno, 0 when it worked.
int append(const std::string& path, std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return errno;
  }
  int error = 0;
  while (!text.empty() && error == 0) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  close(fd);
  return error;
}

}  // namespace

FailureLog::FailureLog(Lane& lane, const Log& log, std::string path)
    : lane_(lane), log_(log), path_(std::move(path)) {}

void FailureLog::add(std::string_view job, std::string_view target, std::string_view why) {
  if (path_.empty() || waiting_.size() > kMostBytes) {
    return;
  }
  char clock_text[codec::kRfc3339Bytes];
  const size_t size = codec::format_rfc3339(lane_.clock().wall_ns(), clock_text);
  waiting_ += fmt::format("{{\"time\":\"{}\",\"level\":\"ERROR\",\"msg\":",
                          std::string_view(clock_text, size));
  codec::append_json_string(waiting_, why);
  waiting_ += ",\"job_name\":";
  codec::append_json_string(waiting_, job);
  waiting_ += ",\"target\":";
  codec::append_json_string(waiting_, target);
  waiting_ += "}\n";
  if (!writing_) {
    write();
  }
}

void FailureLog::write() {
  writing_ = true;
  auto text = std::make_shared<std::string>(std::exchange(waiting_, {}));
  auto error = std::make_shared<int>(0);
  lane_.offload([text, error, path = path_] { *error = append(path, *text); },
                [this, error, alive = std::weak_ptr<char>(alive_)] {
                  if (alive.expired()) {
                    return;
                  }
                  writing_ = false;
                  if (*error != 0) {
                    log_.warn("failure_log",
                              fmt::format("cannot write {}: {}", path_, std::strerror(*error)));
                  }
                  if (!waiting_.empty()) {
                    write();
                  }
                });
}

}  // namespace tailrace::inputs::prometheus_scrape
