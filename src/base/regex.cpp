#include "tailrace/regex.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <re2/re2.h>

namespace tailrace {

namespace {

// Bounds what one pattern may hold in memory (program and cached states); RE2 forgets states and
// builds them anew when it gets there. Its own default, 8 MiB, is much for a small agent.
constexpr int64_t kMaxBytesPerPattern = 2 << 20;

// RE2 wants its groups in an array of its own view type.
constexpr size_t kMaxGroups = 32;

re2::RE2::Options to_re2(RegexOptions options) {
  re2::RE2::Options re2(re2::RE2::Quiet);
  re2.set_max_mem(kMaxBytesPerPattern);
  re2.set_dot_nl(options.dot_nl);
  return re2;
}

re2::StringPiece piece(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

}  // namespace

struct Regex::Impl {
  Impl(std::string_view text, RegexOptions options)
      : regex(piece(text), to_re2(options)),
        anchor(options.anchored ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED) {}

  re2::RE2 regex;
  re2::RE2::Anchor anchor;
  std::vector<std::string> names;
};

Regex::Regex(std::unique_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options) {
  auto impl = std::make_unique<Impl>(pattern, options);
  if (!impl->regex.ok()) {
    return fail(ErrorCode::invalid, "not a regular expression: " + impl->regex.error());
  }
  const auto groups = static_cast<size_t>(impl->regex.NumberOfCapturingGroups());
  if (groups > kMaxGroups) {
    return fail(ErrorCode::invalid, "more than " + std::to_string(kMaxGroups) + " groups");
  }
  impl->names.resize(groups);
  for (const auto& [group, name] : impl->regex.CapturingGroupNames()) {
    impl->names[static_cast<size_t>(group) - 1] = name;
  }
  return Regex(std::move(impl));
}

const std::string& Regex::pattern() const noexcept {
  return impl_->regex.pattern();
}

bool Regex::matches(std::string_view text) const noexcept {
  return impl_->regex.Match(piece(text), 0, text.size(), impl_->anchor, nullptr, 0);
}

size_t Regex::group_count() const noexcept {
  return impl_->names.size();
}

const std::vector<std::string>& Regex::group_names() const noexcept {
  return impl_->names;
}

bool Regex::captures(std::string_view text, std::span<std::string_view> groups) const noexcept {
  std::array<re2::StringPiece, kMaxGroups + 1> found;  // [0] is the whole match
  const size_t wanted = std::min(groups.size(), impl_->names.size());
  if (!impl_->regex.Match(piece(text), 0, text.size(), impl_->anchor, found.data(),
                          static_cast<int>(wanted + 1))) {
    return false;
  }
  for (size_t i = 0; i < wanted; ++i) {
    groups[i] = {found[i + 1].data(), found[i + 1].size()};
  }
  return true;
}

std::string regex_complaint(const std::string& pattern) {
  const auto regex = Regex::compile(pattern);
  return regex ? std::string() : regex.error().message;
}

}  // namespace tailrace
