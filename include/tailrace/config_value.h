#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace {

struct ConfigPosition {
  int line = 0;    // 1-based; 0 = not from a file
  int column = 0;  // 1-based
};

/// A value of the configuration file as it was written, with its place.
struct ConfigValue {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  ConfigPosition position;
  std::string scalar;   // after ${env:…} and ${file:…} were filled in
  bool quoted = false;  // a quoted scalar is text, whatever it looks like
  bool secret = false;  // holds a ${file:…} or ${env:…}: never print it
  std::vector<ConfigValue> items;
  struct Member;
  std::vector<Member> members;  // in the order of the file

  const ConfigValue* find(std::string_view key) const noexcept;
};

struct ConfigValue::Member {
  std::string key;
  ConfigPosition key_position;
  ConfigValue value;
};

struct ConfigIssue {
  ConfigPosition position;
  std::string path;     // "outputs.loki.timeout"
  std::string message;  // "expected a duration such as 5s, got \"5\""
  std::string hint;     // "did you mean \"timeout\"?", or empty
};

/// Collects everything that is wrong, so that all of it can be told at once.
class ConfigIssues {
 public:
  void add(ConfigPosition position, std::string path, std::string message, std::string hint = {}) {
    issues_.push_back({position, std::move(path), std::move(message), std::move(hint)});
  }
  void warn(ConfigPosition position, std::string path, std::string message, std::string hint = {}) {
    warnings_.push_back({position, std::move(path), std::move(message), std::move(hint)});
  }
  bool ok() const noexcept { return issues_.empty(); }
  const std::vector<ConfigIssue>& issues() const noexcept { return issues_; }
  const std::vector<ConfigIssue>& warnings() const noexcept { return warnings_; }

 private:
  std::vector<ConfigIssue> issues_;
  std::vector<ConfigIssue> warnings_;
};

}  // namespace tailrace
