#include "plugins/outputs/otlp/request_body.h"

#include <algorithm>
#include <cstring>

#include "tailrace/check.h"

#include "codec/compression.h"
#include "codec/proto_writer.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::outputs::otlp {

namespace {
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;
// A body begins with as much memory as the last one took, within reason.
constexpr size_t kMostAtOnce = 256 * 1024;
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
  TR_CHECK(size_ + bound <= UINT32_MAX);
  if (!is_compressed()) {
    if (plain_.size() - size_ < bound) {
      grow_plain(size_ + bound);
    }
  } else {
    if (starts_.empty()) {
      buffer_ = memory_->take();
    }
    buffer_.reserve(bound);
  }
  starts_.push_back(static_cast<uint32_t>(size_));
}

void ExportBody::grow_plain(size_t wanted) {
  Bytes larger(std::max({wanted, 2 * size_, memory_->last_bytes()}));
  if (size_ > 0) {
    std::memcpy(larger.data(), plain_.data(), size_);
  }
  plain_ = std::move(larger);
}

void ExportBody::add(std::string_view resource) noexcept {
  char* const at = is_compressed() ? buffer_.reserve(0) : plain_.data() + size_;
  const char* const end = codec::write_bytes_field(at, common::otlp::request::kResources, resource);
  size_ += static_cast<size_t>(end - at);
  if (is_compressed()) {
    buffer_.advance_to(end);
  }
}

Bytes ExportBody::seal(std::span<PartRange> parts) {
  TR_CHECK(parts.size() == starts_.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t end = i + 1 < starts_.size() ? starts_[i + 1] : size_;
    parts[i].offset = starts_[i];
    parts[i].length = static_cast<uint32_t>(end - starts_[i]);
  }
  Bytes payload;
  if (is_compressed()) {
    payload = compress_body(buffer_.view(0, size_), memory_->compression());
    memory_->give_back(std::move(buffer_));
  } else {
    memory_->last_bytes() = std::min(size_, kMostAtOnce);
    payload = std::exchange(plain_, Bytes());
    payload.shrink(size_);
  }
  starts_.clear();
  size_ = 0;
  return payload;
}

}  // namespace tailrace::outputs::otlp
