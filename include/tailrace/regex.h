#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

namespace tailrace {

struct RegexOptions {
  bool anchored = false;  ///< The whole text must match, as in Prometheus's relabelling.
  bool dot_nl = false;    ///< `.` matches a newline, too.
};

/// A regular expression in RE2's syntax. Matching takes time linear in the text, whatever the
/// pattern, so patterns and texts may come from anybody.
///
/// Lifetime: views that come out point into the text that went in.
/// Lane:     any thread; matching changes nothing that can be seen.
class Regex {
 public:
  /// Error: `invalid`, with RE2's explanation.
  static Result<Regex> compile(std::string_view pattern, RegexOptions options = {});

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  const std::string& pattern() const noexcept;
  bool matches(std::string_view text) const noexcept;

  /// Number of capturing groups.
  size_t group_count() const noexcept;
  /// Names of the groups; names()[i] is that of group i + 1, "" when it has none.
  const std::vector<std::string>& group_names() const noexcept;
  /// Matches and fills groups[i] with group i + 1, as far as both go. A group that took no part in
  /// the match is an empty view.
  bool captures(std::string_view text, std::span<std::string_view> groups) const noexcept;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<const Impl> impl) noexcept;
  std::unique_ptr<const Impl> impl_;
};

/// Why a pattern does not compile, or "". For Option::check.
std::string regex_complaint(const std::string& pattern);

}  // namespace tailrace
