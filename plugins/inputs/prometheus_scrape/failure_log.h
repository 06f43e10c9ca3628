#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tailrace/lane.h"
#include "tailrace/log.h"

namespace tailrace::inputs::prometheus_scrape {

/// The file of `scrape_failure_log_file`: a line of JSON for each failed scrape, as Prometheus
/// writes them (time, level, msg, job_name, target). Several lanes and jobs may append to one file.
///
/// Lane: the one given; the file is opened and written by a worker thread, again for each write, so
///       that it may be rotated away. A file that cannot be written is warned of; lines beyond
///       kMostBytes that wait for a slow disk are left out.
class FailureLog {
 public:
  static constexpr size_t kMostBytes = 256 * 1024;

  /// `path` "" = nothing is written.
  FailureLog(Lane& lane, const Log& log, std::string path);

  void add(std::string_view job, std::string_view target, std::string_view why);

 private:
  void write();

  Lane& lane_;
  const Log& log_;
  const std::string path_;
  std::string waiting_;
  bool writing_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tailrace::inputs::prometheus_scrape
