#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/result.h"

#include "pipeline/checkpoint_store.h"

/// The bytes of the checkpoint file, without any file. CHECKPOINT_FORMAT.md describes them.
namespace tailrace::pipeline {

inline constexpr std::string_view kCheckpointMagic{"TRCHECK\n", 8};
inline constexpr uint32_t kCheckpointVersion = 1;

struct CheckpointFile {
  uint64_t number = 0;  ///< How often the file was written before, and this time.
  CheckpointRows rows;
};

std::string encode_checkpoints(const CheckpointRows& rows, uint64_t number);

/// Errors: corrupt, unsupported (a newer version). `what` names the file in messages.
Result<CheckpointFile> decode_checkpoints(std::string_view bytes, std::string_view what);

}  // namespace tailrace::pipeline
