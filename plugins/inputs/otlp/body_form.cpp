#include "plugins/inputs/otlp/body_form.h"

#include <fmt/format.h>

#include "codec/header_text.h"
#include "plugins/common/otlp/service.h"

namespace tailrace::inputs::otlp {

std::optional<BodyFormat> body_format(const HttpRequestHead& head) {
  if (head.is_grpc) {
    return BodyFormat::protobuf;
  }
  const std::string_view type = head.header("content-type");
  if (type == common::otlp::kProtobufType) {
    return BodyFormat::protobuf;  // nearly always, and each request is asked three times
  }
  const std::string media = codec::lower_case(codec::trimmed(type.substr(0, type.find(';'))));
  if (media == common::otlp::kProtobufType) {
    return BodyFormat::protobuf;
  }
  if (media == common::otlp::kJsonType) {
    return BodyFormat::json;
  }
  return std::nullopt;
}

Result<BodyForm> read_body_form(const HttpRequestHead& head) {
  BodyForm form;
  const auto format = body_format(head);
  if (!format) {
    return fail(ErrorCode::unsupported,
                fmt::format("Content-Type \"{}\" is neither {} nor {}",
                            head.header("content-type").substr(0, 100), common::otlp::kProtobufType,
                            common::otlp::kJsonType));
  }
  form.format = *format;
  const std::string encoding = codec::lower_case(codec::trimmed(head.header("content-encoding")));
  if (encoding == "gzip") {
    form.packed = codec::Compression::gzip;
  } else if (encoding == "zstd") {
    form.packed = codec::Compression::zstd;
  } else if (encoding == "deflate") {
    form.packed = codec::Compression::zlib;
  } else if (!encoding.empty() && encoding != "identity") {
    return fail(ErrorCode::unsupported,
                fmt::format("Content-Encoding \"{}\" is none of gzip, zstd and deflate",
                            encoding.substr(0, 100)));
  }
  return form;
}

}  // namespace tailrace::inputs::otlp
