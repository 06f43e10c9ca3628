#include "plugins/outputs/file/file.h"

namespace tailrace::outputs::file {

using common::text::TextEncoder;

FileOutput::FileOutput(std::shared_ptr<const FileConfig> config, OutputContext& context)
    : config_(std::move(config)),
      log_(context.log()),
      encoder_(config_->format, context.lane().labels(), context.batch_bytes()),
      file_(std::make_shared<RotatingFile>(RotatingFileOptions{.path = config_->path,
                                                               .max_size = config_->max_size.bytes,
                                                               .max_files = config_->max_files,
                                                               .sync = config_->sync})),
      channel_(context.lane(), file_),
      rotations_(context.metrics().counter("file_rotations_total", "Times the file was rotated.")),
      torn_tails_(context.metrics().counter(
          "file_torn_tails_total",
          "Times that half a line of an interrupted write was cut off the file.")) {}

std::unique_ptr<RequestBody> FileOutput::new_body() {
  return TextEncoder::new_body();
}

void FileOutput::append(const Batch& batch, Requests& requests) noexcept {
  encoder_.append(batch, requests);
}

void FileOutput::describe_call(const SealedView& /*request*/, Call& /*call*/) {}

Answer FileOutput::read_answer(const SealedView& /*request*/, const CallResult& result) {
  rotations_.add(file_->rotations() - rotations_.value());
  if (const uint64_t torn = file_->torn_tails(); torn > torn_tails_.value()) {
    torn_tails_.add(torn - torn_tails_.value());
    log_.warn("torn_tail", "cut half a line off " + config_->path +
                               ": a write was interrupted, its lines are written again");
  }
  return common::text::read_local_answer(result);
}

Result<Rework> FileOutput::rework(const SealedView& request, ReworkReason reason) const {
  return TextEncoder::rework(request, reason);
}

}  // namespace tailrace::outputs::file

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor outputs_file_plugin =
    define_output<outputs::file::FileOutput, outputs::file::FileConfig>(
        {.name = "file",
         .summary = "Appends records to a file that is rotated by size.",
         .signals = kSignals,
         .stability = Stability::beta},
        outputs::file::file_schema);

}  // namespace tailrace
