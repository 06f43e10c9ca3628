#include "cli/progress.h"

#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace tailrace::cli {

namespace {
constexpr std::chrono::milliseconds kEvery{200};

double total(const std::vector<MetricsRegistry::Family>& families, std::string_view name) {
  double sum = 0;
  for (const auto& family : families) {
    if (family.name == name) {
      for (const auto& sample : family.samples) {
        sum += sample.value;
      }
    }
  }
  return sum;
}
}  // namespace

std::unique_ptr<Progress> Progress::on_terminal(Lane& lane, MetricsRegistry& registry) {
  if (isatty(STDERR_FILENO) == 0) {
    return nullptr;
  }
  return std::unique_ptr<Progress>(new Progress(lane, registry));
}

Progress::Progress(Lane& lane, MetricsRegistry& registry)
    : registry_(registry), started_ns_(lane.clock().monotonic_ns()), clock_(lane.clock()) {
  timer_ = lane.timer([this] {
    draw();
    timer_->start(kEvery);
  });
  timer_->start(kEvery);
}

Progress::~Progress() {
  draw();
  std::fputs("\n", stderr);
}

void Progress::draw() {
  const auto families = registry_.read();
  const double seconds = static_cast<double>(clock_.monotonic_ns() - started_ns_) / 1e9;
  const double bytes = total(families, "tailrace_input_bytes_total");
  const std::string line = fmt::format(
      "\r\033[K{:.1f} MiB read ({:.1f} MiB/s), {:.0f} records in, {:.0f} delivered, {:.0f} "
      "given up",
      bytes / 1048576, bytes / 1048576 / std::max(seconds, 0.001),
      total(families, "tailrace_input_records_total"),
      total(families, "tailrace_output_delivered_records_total"),
      total(families, "tailrace_output_dropped_records_total") +
          total(families, "tailrace_output_refused_records_total"));
  std::fputs(line.c_str(), stderr);
}

}  // namespace tailrace::cli
