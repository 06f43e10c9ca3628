#pragma once

#include <string_view>

namespace tailrace::pipeline {

/// Gives any bytes to the reader of the checkpoint file, and checks what must hold of the result.
void fuzz_checkpoints(std::string_view bytes);

}  // namespace tailrace::pipeline
