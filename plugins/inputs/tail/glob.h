#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

namespace tailrace::inputs::tail {

/// True when a name (one component of a path) matches a pattern of `*` (any bytes), `?` (one byte),
/// `[a-z]`, `[!a-z]` and `\x` (x itself). A leading dot is a byte like any other.
bool match_name(std::string_view pattern, std::string_view name) noexcept;

/// An absolute path with wildcards, component by component.
struct Glob {
  struct Component {
    std::string text;        // of a literal: unescaped
    bool literal = false;    // no wildcard
    bool any_depth = false;  // `**`: any number of directories, also none
  };
  std::vector<Component> components;
};

/// Reads a pattern; `{a,b}` makes several of it. Errors: invalid.
Result<std::vector<Glob>> parse_glob(std::string_view pattern);

/// True when the pattern matches the whole (absolute) path.
bool match_path(const Glob& glob, std::string_view path) noexcept;

/// Patterns that leave files out: those with a `/` are matched with the whole path, the others with
/// the file's name.
class Excludes {
 public:
  Excludes() = default;
  explicit Excludes(const std::vector<std::string>& patterns);
  bool match(std::string_view path) const noexcept;

 private:
  std::vector<std::string> names_;
  std::vector<Glob> paths_;
};

}  // namespace tailrace::inputs::tail
