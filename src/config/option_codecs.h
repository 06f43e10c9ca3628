#pragma once

#include <string>

#include "tailrace/config_value.h"

namespace tailrace::config {

/// The value as an error message shows it: `"5"`, `a list`, `nothing`. Secrets stay secret, long
/// text is cut, and control characters are escaped, so that it stays one line.
std::string describe(const ConfigValue& value);

/// Names of option types, as the docs show them; ranges are checked by them.
inline constexpr const char* kTruthType = "true or false";
inline constexpr const char* kWholeNumberType = "whole number";
inline constexpr const char* kNumberType = "number";
inline constexpr const char* kSizeType = "size";
inline constexpr const char* kDurationType = "duration";

}  // namespace tailrace::config
