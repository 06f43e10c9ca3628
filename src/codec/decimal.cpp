#include "codec/decimal.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <system_error>

#include <fast_float/fast_float.h>

namespace tailrace::codec {
namespace {

bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) {
      return false;
    }
  }
  return true;
}

/// Infinities and NaN. Go takes no sign before NaN.
bool parse_word(std::string_view text, double& value) noexcept {
  if (equals_ignoring_case(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') {
    text.remove_prefix(1);
  }
  if (!equals_ignoring_case(text, "inf") && !equals_ignoring_case(text, "infinity")) {
    return false;
  }
  value =
      negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  return true;
}

bool starts_number(char c) noexcept {
  return (c >= '0' && c <= '9') || c == '.';
}

}  // namespace

bool parse_decimal(std::string_view text, double& value) noexcept {
  if (text.empty()) {
    return false;
  }
  const char* at = text.data();
  const char* end = at + text.size();
  const bool has_sign = *at == '-' || *at == '+';
  if (at + has_sign == end) {
    return false;
  }
  if (!starts_number(at[has_sign])) {
    return parse_word(text, value);
  }
  at += *at == '+';  // which fast_float does not take
  const auto [stopped, error] = fast_float::from_chars(at, end, value);
  return error == std::errc() && stopped == end && std::isfinite(value);
}

std::string openmetrics_number(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  char text[64];
  const auto science =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  const std::string_view digits(text, static_cast<size_t>(science.ptr - text));
  const size_t e = digits.rfind('e');
  const int exponent = std::atoi(std::string(digits.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 6) {
    return std::string(digits);
  }
  const auto fixed = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  std::string result(text, static_cast<size_t>(fixed.ptr - text));
  if (result.find('.') == std::string::npos) {
    result += ".0";
  }
  return result;
}

}  // namespace tailrace::codec
