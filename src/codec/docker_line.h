#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tailrace/arena.h"

#include "codec/timestamp.h"

namespace tailrace::codec {

class JsonReader;

/// One line of Docker's json-file log.
/// Source: moby daemon/logger/jsonfilelog.
struct DockerLine {
  std::string_view log;      ///< Unescaped, without its final "\n".
  bool partial = false;      ///< `log` did not end in "\n": it goes on in a later line.
  std::string_view stream;   ///< "stdout" or "stderr"; empty when the field is missing.
  int64_t timestamp_ns = 0;  ///< Of `time`.
  bool has_time = false;     ///< `time` was there and could be read.
};

/// Reads lines of the form {"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.6Z"}.
///
/// The usual shape is read by hand; other orders, `attrs` and odd escapes by the JSON parser.
class DockerLineParser {
 public:
  DockerLineParser();
  ~DockerLineParser();
  DockerLineParser(DockerLineParser&&) noexcept;
  DockerLineParser& operator=(DockerLineParser&&) noexcept;

  /// `line` without its newline. Views in `out` point into `line`, or into the arena where text
  /// had to be unescaped. False when it is not an object with a string `log`.
  bool parse(std::string_view line, DockerLine& out, Arena& arena);

 private:
  bool parse_usual(std::string_view line, DockerLine& out, Arena& arena);
  bool parse_any(std::string_view line, DockerLine& out, Arena& arena);

  TimestampReader times_;
  std::unique_ptr<JsonReader> json_;  // made when first needed
};

}  // namespace tailrace::codec
