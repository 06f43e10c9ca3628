#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/result.h"

#include "codec/json.h"

namespace tailrace::loki {

enum class PushFormat : uint8_t {
  protobuf,  ///< An uncompressed PushRequest.
  json,      ///< {"streams":[…]}, the present form (`stream`, `values`) and the one before
             ///< (`labels`, `entries`).
};

/// Entries of one stream, at most kMaxUnitRecords and about kMaxBlockBytes; arrays that a LogBatch
/// may point at.
struct PushChunk {
  std::span<const Label> labels;
  std::vector<int64_t> timestamps;
  std::vector<std::string_view> lines;
  std::vector<uint32_t> sizes;  ///< As PushTotals::bytes counts them.
  std::vector<MetaSpan> metadata;
  bool any_metadata = false;
};

struct PushTotals {
  uint64_t streams = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;  ///< Lines and metadata, without any framing: the same in both formats.
};

/// Reads Loki's push requests in two passes, so that memory does not grow with the number of
/// entries: check() looks at everything, read() hands it out in chunks.
///
/// Lifetime: keeps scratch memory between bodies; release() gives back what a large one left.
/// Errors:   ErrorCode::invalid with the reason for the client: not decodable, labels that do not
///           parse, a stream without labels, structured metadata of a name that Loki refuses, a
///           timestamp that is none, and an empty request.
class PushReader {
 public:
  /// `body` needs kBlockPadding readable bytes behind it.
  Result<PushTotals> check(PushFormat format, std::string_view body);
  /// Only after a check() of the same body. A chunk and all that it points at live until `take`
  /// returns.
  void read(PushFormat format, std::string_view body, const std::function<void(PushChunk&)>& take);
  void release();

  /// Memory that check() and read() take beside the body, at most.
  static size_t scratch_bytes(PushFormat format, size_t body_bytes) noexcept {
    // simdjson's index has four bytes for every brace, comma and quote of the text.
    return format == PushFormat::json ? body_bytes * 4 + 256 * 1024 : 256 * 1024;
  }

 private:
  template <class Sink>
  Status walk_protobuf(std::string_view body, Sink& sink);
  template <class Sink>
  Status walk_stream(std::string_view stream, Sink& sink);
  template <class Sink>
  Status walk_entry(std::string_view entry, Sink& sink);
  template <class Sink>
  Status walk_json(std::string_view body, Sink& sink);
  template <class Sink>
  Status walk_json_stream(codec::JsonValue& value, Sink& sink);
  template <class Sink>
  Status walk_json_values(codec::JsonValue& values, Sink& sink);
  template <class Sink>
  Status walk_json_entries(codec::JsonValue& entries, Sink& sink);
  Status read_json_labels(codec::JsonValue& stream);
  Status read_json_metadata(codec::JsonValue& value);
  Status check_labels();

  codec::JsonReader json_;
  Arena text_{64 * 1024};        // unescaped text of the entries under way
  Arena label_text_{16 * 1024};  // of the stream under way
  std::vector<Label> labels_;
  std::vector<MetaPair> pairs_;
  PushChunk chunk_;
};

}  // namespace tailrace::loki
