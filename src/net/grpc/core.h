#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>

#include "tailrace/channel.h"

/// Owners of what gRPC's C core hands out, and the little that both sides of it share.
namespace tailrace::net::core {

inline std::string_view view_of(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}
inline grpc_slice copied(std::string_view text) {
  return grpc_slice_from_copied_buffer(text.data(), text.size());
}

/// What a completion queue gives back when an operation ends.
class Tag {
 public:
  /// Runs on the queue's thread. May destroy the tag.
  virtual void on_event(bool ok) = 0;

 protected:
  ~Tag() = default;
};

/// A tag that is a member, and calls a function of its owner.
template <class Owner, void (Owner::*on_end)(bool ok)>
class MemberTag final : public Tag {
 public:
  explicit MemberTag(Owner& owner) noexcept : owner_(owner) {}
  void on_event(bool ok) override { (owner_.*on_end)(ok); }

 private:
  Owner& owner_;
};

/// A message; empty, or owned.
class Message {
 public:
  Message() = default;
  ~Message() { reset(); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void fill(std::string_view bytes, bool is_gzip) {
    grpc_slice slice = copied(bytes);
    reset();
    buffer_ = grpc_raw_compressed_byte_buffer_create(
        &slice, 1, is_gzip ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE);
    grpc_slice_unref(slice);
  }
  void reset() {
    if (buffer_ != nullptr) {
      grpc_byte_buffer_destroy(buffer_);
      buffer_ = nullptr;
    }
  }
  bool empty() const noexcept { return buffer_ == nullptr; }
  size_t size() const noexcept { return empty() ? 0 : grpc_byte_buffer_length(buffer_); }
  grpc_compression_algorithm compression() const noexcept {
    return empty() ? GRPC_COMPRESS_NONE : buffer_->data.raw.compression;
  }
  /// At most `limit` bytes of it.
  void copy(char* to, size_t limit) const;

  grpc_byte_buffer* get() const noexcept { return buffer_; }
  grpc_byte_buffer** receive() {
    reset();
    return &buffer_;
  }

 private:
  grpc_byte_buffer* buffer_ = nullptr;
};

/// Metadata that is received.
class ReceivedMetadata {
 public:
  ReceivedMetadata() { grpc_metadata_array_init(&array_); }
  ~ReceivedMetadata() { grpc_metadata_array_destroy(&array_); }
  ReceivedMetadata(const ReceivedMetadata&) = delete;
  ReceivedMetadata& operator=(const ReceivedMetadata&) = delete;

  void append_to(Headers& headers) const;
  grpc_metadata_array* get() noexcept { return &array_; }

 private:
  grpc_metadata_array array_;
};

/// Metadata that is sent: it lives until the operation has ended.
class SentMetadata {
 public:
  SentMetadata() = default;
  ~SentMetadata();
  SentMetadata(const SentMetadata&) = delete;
  SentMetadata& operator=(const SentMetadata&) = delete;

  /// False, and nothing is added, for what cannot be sent: a name not in lower case, control
  /// characters, gRPC's own names.
  bool add(std::string_view name, std::string_view value);
  size_t size() const noexcept { return pairs_.size(); }
  grpc_metadata* data() noexcept { return pairs_.data(); }

 private:
  std::vector<grpc_metadata> pairs_;
};

/// Options of a server or channel.
class ChannelArgs {
 public:
  void set(const char* name, int64_t value);
  void set(const char* name, const std::string& value);
  void set_quota(grpc_resource_quota* quota);
  const grpc_channel_args* get();

 private:
  std::vector<grpc_arg> args_;
  std::vector<std::unique_ptr<std::string>> texts_;
  grpc_channel_args all_{};
};

inline int64_t milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

/// "ipv4:127.0.0.1:40312" as gRPC says it -> "127.0.0.1:40312".
std::string peer_text(std::string_view uri);

}  // namespace tailrace::net::core
