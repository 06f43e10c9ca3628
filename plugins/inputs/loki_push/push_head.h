#pragma once

#include <optional>
#include <string>

#include "tailrace/http.h"

#include "codec/compression.h"
#include "plugins/common/loki/push_reader.h"

namespace tailrace::inputs::loki_push {

/// How a body is packed, by its headers.
struct BodyForm {
  tailrace::loki::PushFormat format = tailrace::loki::PushFormat::protobuf;
  /// Undone first; below it a protobuf body is a snappy block in any case.
  std::optional<codec::Compression> outer;
};

/// Reads Content-Type and Content-Encoding as Loki does: a type must be there, parameters are fine;
/// `Content-Encoding: snappy` says nothing new; `deflate` has no zlib header here.
/// Source: Loki pkg/loghttp/push/push.go; wire-facts section 2.
Result<BodyForm> read_body_form(const HttpRequestHead& head);

bool is_push_path(std::string_view path) noexcept;

}  // namespace tailrace::inputs::loki_push
