#pragma once

#include <memory>
#include <string>

#include "tailrace/output.h"
#include "tailrace/plugin.h"

#include "plugins/common/text/local_channel.h"
#include "plugins/common/text/text_encoder.h"
#include "plugins/outputs/file/file_config.h"
#include "plugins/outputs/file/rotating_file.h"

namespace tailrace::outputs::file {

/// Appends records to a file.
///
/// Shape:  the payload of a request is the text that is written. One order key, one tenant.
/// Lane:   one instance per lane; lanes take turns at the file, by its lock.
/// Errors: every failure of the file system is a retry: the user makes room, or gives permission.
class FileOutput final : public Output {
 public:
  FileOutput(std::shared_ptr<const FileConfig> config, OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  Channel& channel() noexcept override { return channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  const std::shared_ptr<const FileConfig> config_;
  const Log& log_;
  common::text::TextEncoder encoder_;
  const std::shared_ptr<RotatingFile> file_;
  common::text::LocalChannel channel_;
  Counter& rotations_;
  Counter& torn_tails_;
};

}  // namespace tailrace::outputs::file
