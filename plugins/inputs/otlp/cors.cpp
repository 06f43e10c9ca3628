#include "plugins/inputs/otlp/cors.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "codec/header_text.h"

namespace tailrace::inputs::otlp {

namespace {

bool allows_header(const CorsConfig& config, std::string_view lower_name) {
  // The first two are what OTLP needs; the others need no permission.
  constexpr std::string_view kAlways[] = {
      "content-type", "content-encoding", "accept", "accept-language", "content-language",
      "range",        "x-requested-with", "origin"};
  return std::find(std::begin(kAlways), std::end(kAlways), lower_name) != std::end(kAlways) ||
         std::any_of(config.allowed_headers.begin(), config.allowed_headers.end(),
                     [&](const std::string& allowed) {
                       return allowed == "*" ||
                              codec::lower_case(codec::trimmed(allowed)) == lower_name;
                     });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) noexcept {
  size_t in_pattern = 0;
  size_t at = 0;
  size_t star = std::string_view::npos;  // the last one that was passed
  size_t star_at = 0;                    // and how far the text was then
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_at = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[at]) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

Headers cors_headers(const CorsConfig& config, const HttpRequestHead& head) {
  const std::string_view origin = head.header("origin");
  if (origin.empty()) {
    return {};
  }
  Headers headers = {{"Vary", "Origin"}};
  if (std::any_of(config.allowed_origins.begin(), config.allowed_origins.end(),
                  [&](const std::string& allowed) { return matches(allowed, origin); })) {
    headers.emplace_back("Access-Control-Allow-Origin", origin);
  }
  return headers;
}

std::optional<Headers> preflight_headers(const CorsConfig& config, const HttpRequestHead& head) {
  if (head.method != "OPTIONS" || head.header("origin").empty() ||
      head.header("access-control-request-method").empty()) {
    return std::nullopt;
  }
  Headers headers = cors_headers(config, head);
  if (headers.size() < 2) {  // the origin is not allowed
    return headers;
  }
  headers.emplace_back("Access-Control-Allow-Methods", "POST");
  std::string names;
  std::string_view asked = head.header("access-control-request-headers");
  while (!asked.empty()) {
    const size_t end = std::min(asked.find(','), asked.size());
    const std::string name = codec::lower_case(codec::trimmed(asked.substr(0, end)));
    asked.remove_prefix(std::min(end + 1, asked.size()));
    if (!name.empty() && allows_header(config, name)) {
      names += (names.empty() ? "" : ", ") + name;
    }
  }
  if (!names.empty()) {
    headers.emplace_back("Access-Control-Allow-Headers", std::move(names));
  }
  headers.emplace_back(
      "Access-Control-Max-Age",
      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(config.max_age).count()));
  return headers;
}

}  // namespace tailrace::inputs::otlp
