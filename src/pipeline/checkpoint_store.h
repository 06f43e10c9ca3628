#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tailrace/lane.h"
#include "tailrace/result.h"

#include "loop/file_layer.h"

namespace tailrace::pipeline {

/// (input name, key) -> value, all opaque here.
using CheckpointRows = std::map<std::pair<std::string, std::string>, std::string>;

/// The agent's one checkpoint file: all inputs, all lanes. Changes are gathered in memory and
/// written by a thread of its own at most once per `interval`, never while nothing changed; each
/// write replaces the whole file (write new, fsync, rename, fsync the folder).
/// Format: src/pipeline/CHECKPOINT_FORMAT.md. Every call is safe from any thread.
class CheckpointStore {
 public:
  /// Reads the file if it is there. corrupt: it does not verify (the caller decides; the broken
  /// file is kept beside, renamed). unsupported: made by a newer version.
  static Result<std::unique_ptr<CheckpointStore>> open(
      loop::FileLayer& files, std::string directory,
      std::chrono::milliseconds interval = std::chrono::seconds(1));
  /// Writes what is left and stops the thread.
  virtual ~CheckpointStore() = default;

  /// As read at start.
  virtual const CheckpointRows& at_start() const noexcept = 0;
  /// Remembers a change; no value = the row goes.
  virtual void update(const std::string& input, std::string key,
                      std::optional<std::string> value) = 0;
  /// The same, written at once; `done` is posted to the lane after it is durable. Tried again on a
  /// failing disk until it works.
  virtual void update_durable(const std::string& input, std::string key, std::string value,
                              Lane& lane, std::function<void()> done) = 0;
  /// Writes everything that is pending and waits for it. Shutdown.
  virtual Status flush() = 0;

  struct Stats {
    uint64_t writes = 0;
    uint64_t failures = 0;
    uint64_t rows = 0;
    uint64_t bytes = 0;
    uint64_t corrupt_files = 0;  ///< Kept beside as checkpoints.corrupt-N when it was opened.
    bool failing = false;
    std::string last_error;
  };
  virtual Stats stats() const = 0;
};

}  // namespace tailrace::pipeline
