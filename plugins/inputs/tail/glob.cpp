#include "plugins/inputs/tail/glob.h"

#include <algorithm>
#include <cstdint>

namespace tailrace::inputs::tail {
namespace {

/// Reads the class at pattern[at] == '['; sets `at` behind it. False: there is no closing bracket,
/// so the bracket means itself.
bool match_class(std::string_view pattern, size_t& at, char c, bool& matches) noexcept {
  size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  i += negated ? 1 : 0;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) {
      at = i + 1;
      matches = found != negated;
      return true;
    }
    const auto take = [&]() noexcept {
      i += pattern[i] == '\\' && i + 1 < pattern.size() ? 1 : 0;
      return static_cast<uint8_t>(pattern[i++]);
    };
    const uint8_t low = take();
    uint8_t high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      ++i;
      high = take();
    }
    found = found || (low <= static_cast<uint8_t>(c) && static_cast<uint8_t>(c) <= high);
  }
  return false;
}

/// One byte of the name against the pattern's next element; `at` moves behind that element.
bool match_one(std::string_view pattern, size_t& at, char c) noexcept {
  if (pattern[at] == '?') {
    ++at;
    return true;
  }
  if (pattern[at] == '[') {
    bool matches = false;
    if (match_class(pattern, at, c, matches)) {
      return matches;
    }
  }
  at += pattern[at] == '\\' && at + 1 < pattern.size() ? 1 : 0;
  return pattern[at++] == c;
}

Glob::Component component(std::string_view text) {
  Glob::Component result;
  if (text == "**") {
    result.any_depth = true;
    return result;
  }
  result.literal = true;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      result.text += text[++i];
      continue;
    }
    result.literal = result.literal && text[i] != '*' && text[i] != '?' && text[i] != '[';
    result.text += text[i];
  }
  if (!result.literal) {
    result.text = text;
  }
  return result;
}

/// The alternatives of the first `{a,b}` of a pattern, and of those that follow.
bool expand(std::string_view pattern, std::vector<std::string>& out) {
  size_t open = std::string_view::npos;
  std::vector<size_t> cuts;
  int depth = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '{') {
      open = depth++ == 0 ? i : open;
    } else if (pattern[i] == ',' && depth == 1) {
      cuts.push_back(i);
    } else if (pattern[i] == '}' && depth > 0 && --depth == 0) {
      cuts.push_back(i);
      const std::string_view tail = pattern.substr(i + 1);
      size_t from = open + 1;
      for (const size_t cut : cuts) {
        std::string one(pattern.substr(0, open));
        one += pattern.substr(from, cut - from);
        one += tail;
        if (out.size() > 1000 || !expand(one, out)) {
          return false;
        }
        from = cut + 1;
      }
      return true;
    }
  }
  if (depth != 0) {
    return false;
  }
  out.emplace_back(pattern);
  return true;
}

bool match_components(const std::vector<Glob::Component>& pattern, size_t at,
                      std::string_view path) noexcept {
  for (; at < pattern.size(); ++at) {
    if (pattern[at].any_depth) {
      if (at + 1 == pattern.size()) {
        return true;
      }
      for (;;) {
        if (match_components(pattern, at + 1, path)) {
          return true;
        }
        const size_t slash = path.find('/', 1);
        if (slash == std::string_view::npos) {
          return false;
        }
        path.remove_prefix(slash);
      }
    }
    if (path.empty()) {
      return false;
    }
    const size_t slash = path.find('/', 1);
    const std::string_view name = path.substr(1, slash == path.npos ? path.npos : slash - 1);
    if (pattern[at].literal ? name != pattern[at].text : !match_name(pattern[at].text, name)) {
      return false;
    }
    path.remove_prefix(1 + name.size());
  }
  return path.empty();
}

}  // namespace

bool match_name(std::string_view pattern, std::string_view name) noexcept {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;  // the last `*`, and the name's place it was tried at
  size_t star_at = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_at = n;
      continue;
    }
    if (p < pattern.size() && match_one(pattern, p, name[n])) {
      ++n;
      continue;
    }
    if (star == std::string_view::npos) {
      return false;
    }
    p = star + 1;
    n = ++star_at;
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

Result<std::vector<Glob>> parse_glob(std::string_view pattern) {
  if (pattern.empty() || pattern.front() != '/') {
    return fail(ErrorCode::invalid, "must be an absolute path, such as /var/log/*.log");
  }
  std::vector<std::string> expanded;
  if (!expand(pattern, expanded)) {
    return fail(ErrorCode::invalid, "has a { without its }, or too many alternatives");
  }
  std::vector<Glob> globs;
  for (const std::string& one : expanded) {
    Glob& glob = globs.emplace_back();
    std::string_view rest = one;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const size_t slash = std::min(rest.find('/'), rest.size());
      const std::string_view text = rest.substr(0, slash);
      if (text == "." || text == "..") {
        return fail(ErrorCode::invalid, "must not contain . or .. as a directory");
      }
      if (!text.empty()) {
        const bool again =
            text == "**" && !glob.components.empty() && glob.components.back().any_depth;
        if (!again) {
          glob.components.push_back(component(text));
        }
      }
      rest.remove_prefix(slash);
    }
    if (glob.components.empty() || one.back() == '/') {
      return fail(ErrorCode::invalid, "names a directory; add /* for the files in it");
    }
    if (glob.components.back().any_depth) {
      glob.components.push_back(component("*"));
    }
  }
  return globs;
}

bool match_path(const Glob& glob, std::string_view path) noexcept {
  return match_components(glob.components, 0, path);
}

Excludes::Excludes(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.find('/') == std::string::npos) {
      names_.push_back(pattern);
    } else if (auto globs = parse_glob(pattern)) {
      paths_.insert(paths_.end(), globs->begin(), globs->end());
    }
  }
}

bool Excludes::match(std::string_view path) const noexcept {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const std::string& pattern : names_) {
    if (match_name(pattern, name)) {
      return true;
    }
  }
  for (const Glob& glob : paths_) {
    if (match_path(glob, path)) {
      return true;
    }
  }
  return false;
}

}  // namespace tailrace::inputs::tail
