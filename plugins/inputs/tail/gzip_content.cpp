#include "plugins/inputs/tail/gzip_content.h"

#include <cstring>

#include "tailrace/block.h"

namespace tailrace::inputs::tail {

GzipContent::GzipContent(std::shared_ptr<const Descriptor> file) : file_(std::move(file)) {}

void GzipContent::fill(uint64_t position) {
  problem_.clear();
  if (buffer_ == nullptr) {
    buffer_.reset(new char[kMaxBlockBytes + kBlockPadding]);
    begin_ = size_ = 0;
  }
  const size_t kept = size_ - begin_;
  const bool follows = reader_ != nullptr && reader_->position() == position + kept;
  if (follows) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
    size_ = kept;
  } else {
    size_ = 0;
    if (reader_ == nullptr || reader_->position() > position) {
      reader_ = std::make_unique<codec::GzipReader>(file_->get());
    }
    if (const auto sought = reader_->seek(position); !sought) {
      problem_ = sought.error().message;
    }
  }
  begin_ = 0;
  if (problem_.empty()) {
    const auto n = reader_->read(buffer_.get() + size_, kMaxBlockBytes - size_);
    if (n) {
      size_ += *n;
    } else {
      problem_ = n.error().message;
    }
  }
  at_end_ = reader_->at_end() || !problem_.empty();
}

void GzipContent::release() {
  reader_.reset();
  buffer_.reset();
  begin_ = size_ = 0;
}

}  // namespace tailrace::inputs::tail
