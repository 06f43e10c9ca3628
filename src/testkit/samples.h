#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tailrace/batch.h"

#include "testkit/log_records.h"
#include "testkit/manual_lane.h"

namespace tailrace::testkit {

/// A batch that the harness tries a plugin with. `with` makes it on the lane and hands it over; it
/// makes the same one each time.
struct Sample {
  std::string name;
  std::function<void(ManualLane& lane, const std::function<void(Batch&)>& use)> with;
};
using Samples = std::vector<Sample>;

/// A batch as text, with everything that belongs to its records.
using Describe = std::function<std::string(const Batch&)>;

/// Log batches: ordinary ones, none, empty lines, NUL bytes, invalid UTF-8, a very long line,
/// broken JSON, metadata and severities, joined lines, several streams.
Samples log_samples();
std::string describe_logs(const Batch& batch);

/// A sample of these log records.
Sample log_sample(std::string name, std::map<std::string, std::string> labels,
                  std::vector<LogRecord> records);

}  // namespace tailrace::testkit
