#include "plugins/inputs/prometheus_remote_write/write_head.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::prom::WriteVersion;

namespace {

/// The next piece up to a ';', cut off the front.
std::string_view cut(std::string_view& text) {
  const size_t end = std::min(text.find(';'), text.size());
  const std::string_view piece = codec::trimmed(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

}  // namespace

Result<WriteVersion> read_write_head(const HttpRequestHead& head) {
  const std::string encoding = codec::lower_case(codec::trimmed(head.header("content-encoding")));
  if (!encoding.empty() && encoding != "snappy") {
    return fail(ErrorCode::unsupported,
                fmt::format("Content-Encoding {} is not snappy", encoding.substr(0, 100)));
  }
  std::string_view rest = head.header("content-type");
  const std::string media = codec::lower_case(cut(rest));
  if (!media.empty() && media != "application/x-protobuf") {
    return fail(ErrorCode::unsupported,
                fmt::format("Content-Type {} is not application/x-protobuf", media.substr(0, 100)));
  }
  while (!rest.empty()) {
    const std::string_view parameter = cut(rest);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    if (codec::lower_case(codec::trimmed(parameter.substr(0, equals))) != "proto") {
      continue;
    }
    std::string_view message =
        codec::trimmed(parameter.substr(std::min(equals + 1, parameter.size())));
    if (message.size() >= 2 && message.front() == '"' && message.back() == '"') {
      message = message.substr(1, message.size() - 2);
    }
    if (message == common::prom::kWriteMessageV1) {
      return WriteVersion::v1;
    }
    if (message == common::prom::kWriteMessageV2) {
      return WriteVersion::v2;
    }
    return fail(ErrorCode::unsupported,
                fmt::format("the message {} is not known; send {} or {}", message.substr(0, 100),
                            common::prom::kWriteMessageV1, common::prom::kWriteMessageV2));
  }
  return WriteVersion::v1;
}

bool is_write_path(std::string_view path) noexcept {
  return path == "/api/v1/write" || path == "/api/v1/push" || path == "/api/v1/receive";
}

}  // namespace tailrace::inputs::prometheus_remote_write
