#pragma once

#include <iosfwd>
#include <string>

#include "config/agent_config.h"

namespace tailrace::cli {

enum class DocsMode : uint8_t {
  write,  ///< Brings the pages up to date.
  check,  ///< Only says which are not, and fails then.
};

/// `tailrace docs --write FOLDER`: puts the option tables between the marks in
/// `plugins/<kind>s/<type>/README.md` of every plugin that was linked in, and of the shared options
/// in `conf/README.md`. Returns the exit code.
int write_docs(const std::string& folder, DocsMode mode, config::PluginTable plugins,
               std::ostream& out, std::ostream& err);

}  // namespace tailrace::cli
