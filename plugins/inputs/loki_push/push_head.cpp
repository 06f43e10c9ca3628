#include "plugins/inputs/loki_push/push_head.h"

#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace::inputs::loki_push {

Result<BodyForm> read_body_form(const HttpRequestHead& head) {
  BodyForm form;
  const std::string_view type = head.header("content-type");
  const std::string media = codec::lower_case(codec::trimmed(type.substr(0, type.find(';'))));
  if (media == "application/json") {
    form.format = tailrace::loki::PushFormat::json;
  } else if (media != "application/x-protobuf") {
    return fail(ErrorCode::invalid,
                media.empty() ? "no Content-Type; send application/x-protobuf or application/json"
                              : fmt::format("Content-Type {} is neither application/x-protobuf nor "
                                            "application/json",
                                            media.substr(0, 100)));
  }
  const std::string encoding = codec::lower_case(codec::trimmed(head.header("content-encoding")));
  if (encoding == "gzip") {
    form.outer = codec::Compression::gzip;
  } else if (encoding == "deflate") {
    form.outer = codec::Compression::raw_deflate;
  } else if (!encoding.empty() && encoding != "snappy") {
    return fail(ErrorCode::invalid,
                fmt::format("Content-Encoding {} is none of gzip, deflate and snappy",
                            encoding.substr(0, 100)));
  }
  return form;
}

bool is_push_path(std::string_view path) noexcept {
  return path == "/loki/api/v1/push" || path == "/api/prom/push";
}

}  // namespace tailrace::inputs::loki_push
