#include "plugins/inputs/loki_push/push_head.h"

#include <algorithm>

#include <fmt/format.h>

namespace tailrace::inputs::loki_push {

namespace {

std::string lower(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

Result<BodyForm> read_body_form(const HttpRequestHead& head) {
  BodyForm form;
  const std::string_view type = head.header("content-type");
  const std::string media = lower(type.substr(0, type.find(';')));
  if (media == "application/json") {
    form.format = tailrace::loki::PushFormat::json;
  } else if (media != "application/x-protobuf") {
    return fail(ErrorCode::invalid,
                media.empty() ? "no Content-Type; send application/x-protobuf or application/json"
                              : fmt::format("Content-Type {} is neither application/x-protobuf nor "
                                            "application/json",
                                            media.substr(0, 100)));
  }
  const std::string encoding = lower(head.header("content-encoding"));
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
