#pragma once

#include <optional>

#include "tailrace/http.h"

#include "codec/compression.h"

namespace tailrace::inputs::otlp {

enum class BodyFormat : uint8_t { protobuf, json };

/// How a body is written and packed, by its headers.
struct BodyForm {
  BodyFormat format = BodyFormat::protobuf;
  std::optional<codec::Compression> packed;
};

/// Of gRPC only the encoding is looked at. Errors: unsupported.
/// Source: OTLP specification, "OTLP/HTTP Request".
Result<BodyForm> read_body_form(const HttpRequestHead& head);

/// The format alone, as far as Content-Type tells one: what an answer is written in.
std::optional<BodyFormat> body_format(const HttpRequestHead& head);

}  // namespace tailrace::inputs::otlp
