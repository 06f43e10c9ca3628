#pragma once

#include <string>
#include <vector>

#include "config/agent_config.h"
#include "testkit/fake_net.h"

namespace tailrace::testkit {

/// The smallest plugins that behave like real ones, for tests of the engine: a table for
/// config::load_text.
///
///   input `lines`:   reads files by lines, with receipts and a checkpoint each. `paths`; `block`:
///                    bytes per unit. The stream has the label `file` (the name without folder).
///   processor `keep`:   lets lines with the text `containing` through.
///   processor `suffix`: appends `text` to each line.
///   output `words`:  WordOutput for lines: one a row. `url`, `tenant_label`.
config::PluginTable line_plugins();

/// The lines in calls to `url` that the server took (2xx), in order. A trailing "" is left out.
std::vector<std::string> taken_lines(const FakeServer& server, const std::string& url);

/// Appends lines to a file, each with its newline.
void append_lines(const std::string& path, const std::vector<std::string>& lines);
/// "prefix0" … "prefix<count-1>".
std::vector<std::string> numbered(const std::string& prefix, int count, int first = 0);

}  // namespace tailrace::testkit
