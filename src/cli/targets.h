#pragma once

#include <iosfwd>
#include <string>

namespace tailrace::cli {

struct TargetsOptions {
  std::string admin;     ///< The agent's admin address: `http://127.0.0.1:2020`, `127.0.0.1:2020`.
  std::string job;       ///< Only of this job; "" = of all.
  bool dropped = false;  ///< Also those that were found and dropped.
  bool json = false;     ///< As the agent answers it.
};

/// `tailrace targets`: asks a running agent for its targets. Returns the exit code: kFailed when
/// the agent does not answer.
int targets(const TargetsOptions& options, std::ostream& out, std::ostream& err);

/// The text for people, from the answer of GET /api/v1/targets; "" when it is none.
std::string show_targets(const std::string& json, bool dropped);

}  // namespace tailrace::cli
