#include "plugins/outputs/otlp/request_body.h"

#include "tailrace/check.h"

#include "codec/compression.h"
#include "codec/proto_writer.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::outputs::otlp {

namespace {
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;
}  // namespace

Bytes compress_body(std::string_view body, BodyCompression compression) {
  switch (compression) {
    case BodyCompression::gzip:
      return codec::gzip_compress(body, kGzipLevel);
    case BodyCompression::zstd:
      return codec::zstd_compress(body, kZstdLevel);
    case BodyCompression::none:
      break;
  }
  return Bytes::copy_of(body);
}

size_t ExportBody::bound(std::string_view resource) noexcept {
  return codec::bytes_field_size(common::otlp::request::kResources, resource.size());
}

void ExportBody::begin_part(size_t bound) {
  if (starts_.empty()) {
    buffer_ = memory_->take();
  }
  starts_.push_back(static_cast<uint32_t>(buffer_.size()));
  buffer_.reserve(bound);
  TR_CHECK(buffer_.size() + bound <= UINT32_MAX);
}

void ExportBody::add(std::string_view resource) noexcept {
  buffer_.advance_to(
      codec::write_bytes_field(buffer_.reserve(0), common::otlp::request::kResources, resource));
}

Bytes ExportBody::seal(std::span<PartRange> parts) {
  TR_CHECK(parts.size() == starts_.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t end = i + 1 < starts_.size() ? starts_[i + 1] : buffer_.size();
    parts[i].offset = starts_[i];
    parts[i].length = static_cast<uint32_t>(end - starts_[i]);
  }
  Bytes payload = compress_body(buffer_.view(0, buffer_.size()), memory_->compression());
  starts_.clear();
  memory_->give_back(std::move(buffer_));
  return payload;
}

}  // namespace tailrace::outputs::otlp
