#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/config_value.h"

namespace tailrace::config {

/// Keeps what came out of `${env:…}` and `${file:…}` out of the messages of checks that are not
/// ours: a plugin's complaint about a URL shows the URL.
///
/// It looks at messages about the component that the reference stands in; elsewhere the same text
/// is there by chance. Whole values become `<secret>`; a message with a longer piece of one is
/// replaced.
class SecretFilter {
 public:
  explicit SecretFilter(const ConfigValue& root);

  /// The text of a message about the value at `path`, without secrets.
  std::string operator()(std::string_view path, std::string text) const;

 private:
  void collect(const ConfigValue& value, const std::string& path);

  std::vector<std::pair<std::string, std::string>> secrets_;  // (component, text)
};

}  // namespace tailrace::config
