#include "plugins.h"

#include "opaque/opaque_batch.h"
#include "opaque/opaque_input.h"
#include "opaque/opaque_output.h"
#include "rows/row_batch.h"
#include "rows/rows_input.h"
#include "rows/rows_output.h"

namespace tailrace::contract {

namespace {
constexpr Signal kMetrics[] = {Signal::metrics};
constexpr Signal kTraces[] = {Signal::traces};
constexpr const BatchType* kRowForms[] = {&RowBatch::kType};
constexpr const BatchType* kOpaqueForms[] = {&OpaqueBatch::kType};
}  // namespace

const PluginDescriptor inputs_rows_plugin =
    define_input<RowsInput, RowsInputConfig>({.name = "rows",
                                              .summary = "Fetches pages of rows.",
                                              .signals = kMetrics,
                                              .reads_untrusted_input = true,
                                              .forms = kRowForms},
                                             rows_input_schema);
const PluginDescriptor outputs_rows_plugin = define_output<RowsOutput, RowsOutputConfig>(
    {.name = "rows", .summary = "Writes rows.", .signals = kMetrics, .forms = kRowForms},
    rows_output_schema);
const PluginDescriptor inputs_opaque_plugin =
    define_input<OpaqueInput, OpaqueInputConfig>({.name = "opaque",
                                                  .summary = "Receives messages.",
                                                  .signals = kTraces,
                                                  .reads_untrusted_input = true,
                                                  .forms = kOpaqueForms},
                                                 opaque_input_schema);
const PluginDescriptor outputs_opaque_plugin = define_output<OpaqueOutput, OpaqueOutputConfig>(
    {.name = "opaque", .summary = "Sends messages.", .signals = kTraces, .forms = kOpaqueForms},
    opaque_output_schema);

std::span<const PluginDescriptor* const> plugins() {
  static const PluginDescriptor* const table[] = {&inputs_rows_plugin, &outputs_rows_plugin,
                                                  &inputs_opaque_plugin, &outputs_opaque_plugin};
  return table;
}

}  // namespace tailrace::contract
