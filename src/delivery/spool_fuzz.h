#pragma once

#include <string_view>

namespace tailrace::delivery {

/// Gives any bytes to everything that reads the spool's files, and checks what must hold of the
/// result. The first byte chooses the reader.
void fuzz_spool(std::string_view bytes);

}  // namespace tailrace::delivery
