#include "plugins/outputs/stdout/stdout.h"

#include <unistd.h>

#include "plugins/outputs/stdout/stdout_sink.h"

namespace tailrace::outputs::stdout_ {

using common::text::TextEncoder;
using common::text::TextFormat;

const Schema& stdout_schema() {
  static const Schema schema = Schema::of<StdoutConfig>({
      choice("format", &StdoutConfig::format,
             "human: time, labels and line, safe for a terminal; json: one object a line with "
             "everything; raw: only the lines.",
             {{"human", TextFormat::human}, {"json", TextFormat::json}, {"raw", TextFormat::raw}}),
  });
  return schema;
}

StdoutOutput::StdoutOutput(std::shared_ptr<const StdoutConfig> config, OutputContext& context)
    : encoder_(config->format, context.lane().labels(), context.batch_bytes()),
      channel_(context.lane(), std::make_shared<StdoutSink>(STDOUT_FILENO)) {}

std::unique_ptr<RequestBody> StdoutOutput::new_body() {
  return TextEncoder::new_body();
}

void StdoutOutput::append(const Batch& batch, Requests& requests) noexcept {
  encoder_.append(batch, requests);
}

void StdoutOutput::describe_call(const SealedView& /*request*/, Call& /*call*/) {}

Answer StdoutOutput::read_answer(const SealedView& /*request*/, const CallResult& result) {
  return common::text::read_local_answer(result);
}

Result<Rework> StdoutOutput::rework(const SealedView& request, ReworkReason reason) const {
  return TextEncoder::rework(request, reason);
}

}  // namespace tailrace::outputs::stdout_

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}  // namespace

extern const PluginDescriptor outputs_stdout_plugin =
    define_output<outputs::stdout_::StdoutOutput, outputs::stdout_::StdoutConfig>(
        {.name = "stdout",
         .summary = "Writes records to standard output, for people or as JSON lines.",
         .signals = kSignals,
         .stability = Stability::beta},
        outputs::stdout_::stdout_schema);

}  // namespace tailrace
