#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/prometheus_text.h"
#include "version_info.h"

namespace tailrace::admin {

namespace {

size_t open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  size_t count = 0;
  while (folder != nullptr && readdir(folder.get()) != nullptr) {
    ++count;
  }
  return count > 3 ? count - 3 : 0;  // ".", ".." and the one that lists
}

/// Fields of /proc/self/stat from the third on (the second is a name that may hold anything).
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  return {std::istream_iterator<std::string>(rest), {}};
}

double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    if (word == "btime") {
      double seconds = 0;
      file >> seconds;
      return seconds;
    }
  }
  return 0;
}

}  // namespace

void update_process_metrics(Metrics& metrics) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  metrics.gauge("process_cpu_seconds_total", "User and system CPU time spent.").set(cpu);
  const std::vector<std::string> fields = stat_fields();
  if (fields.size() > 21) {
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    metrics.gauge("process_start_time_seconds", "Start of the process, since the Unix epoch.")
        .set(boot_time_seconds() + std::stod(fields[19]) / ticks);
    metrics.gauge("process_virtual_memory_bytes", "Virtual memory size.")
        .set(std::stod(fields[20]));
    metrics.gauge("process_resident_memory_bytes", "Resident memory size.")
        .set(std::stod(fields[21]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  metrics.gauge("process_open_fds", "Open file descriptors.")
      .set(static_cast<double>(open_descriptors()));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  metrics.gauge("process_max_fds", "Most file descriptors that may be open.")
      .set(static_cast<double>(files.rlim_cur));
  metrics.gauge("build_info", "1, with what was built.", {{"version", TAILRACE_VERSION}}).set(1);
}

}  // namespace tailrace::admin
