#pragma once

#include <string_view>

#include "plugins/common/text/local_channel.h"

namespace tailrace::outputs::stdout_ {

/// Writes requests whole to standard output, which may be a terminal, a pipe that nobody reads for
/// a while, or a file.
///
/// All sinks of the process (lanes, several outputs) take turns, request by request, so that lines
/// never mix. A worker waits for room or for its turn for kPatience only, then says it took
/// nothing: a reader that stopped must not keep a worker, nor the agent from ending.
class StdoutSink final : public common::text::LocalSink {
 public:
  /// `fd` is borrowed.
  explicit StdoutSink(int fd);
  ~StdoutSink() override;

  Result<size_t> write(std::string_view payload, size_t from) override;
  void give_up() noexcept override;

 private:
  Result<size_t> write_some(std::string_view rest);
  void end_turn() noexcept;

  const int fd_;
  const size_t chunk_;  // what one write may hold without blocking
  bool my_turn_ = false;
};

}  // namespace tailrace::outputs::stdout_
