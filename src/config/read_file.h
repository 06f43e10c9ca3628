#pragma once

#include <cstddef>
#include <string>

#include "tailrace/result.h"

namespace tailrace::config {

/// The whole content of a small file. An error's message is the reason alone, without the path.
Result<std::string> read_file(const std::string& path, size_t max_bytes);

}  // namespace tailrace::config
