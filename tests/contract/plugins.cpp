#include "plugins.h"

#include "opaque/opaque_input.h"
#include "opaque/opaque_output.h"
#include "rows/rows_input.h"
#include "rows/rows_output.h"

namespace tailrace::contract {

namespace {
constexpr Signal kMetrics[] = {Signal::metrics};
constexpr Signal kTraces[] = {Signal::traces};
}  // namespace

const PluginDescriptor inputs_rows_plugin =
    define_input<RowsInput, RowsInputConfig>({.name = "rows",
                                              .summary = "Fetches pages of rows.",
                                              .signals = kMetrics,
                                              .reads_untrusted_input = true},
                                             rows_input_schema);
const PluginDescriptor outputs_rows_plugin = define_output<RowsOutput, RowsOutputConfig>(
    {.name = "rows", .summary = "Writes rows.", .signals = kMetrics}, rows_output_schema);
const PluginDescriptor inputs_opaque_plugin =
    define_input<OpaqueInput, OpaqueInputConfig>({.name = "opaque",
                                                  .summary = "Receives messages.",
                                                  .signals = kTraces,
                                                  .reads_untrusted_input = true},
                                                 opaque_input_schema);
const PluginDescriptor outputs_opaque_plugin = define_output<OpaqueOutput, OpaqueOutputConfig>(
    {.name = "opaque", .summary = "Sends messages.", .signals = kTraces}, opaque_output_schema);

std::span<const PluginDescriptor* const> plugins() {
  static const PluginDescriptor* const table[] = {&inputs_rows_plugin, &outputs_rows_plugin,
                                                  &inputs_opaque_plugin, &outputs_opaque_plugin};
  return table;
}

}  // namespace tailrace::contract
