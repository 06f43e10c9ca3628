#include "net/grpc/core.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tailrace::net::core {

void Message::copy(char* to, size_t limit) const {
  if (empty()) {
    return;
  }
  const grpc_slice_buffer& slices = buffer_->data.raw.slice_buffer;
  for (size_t i = 0; i < slices.count && limit > 0; ++i) {
    const std::string_view bytes = view_of(slices.slices[i]).substr(0, limit);
    std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
    limit -= bytes.size();
  }
}

void ReceivedMetadata::append_to(Headers& headers) const {
  headers.reserve(headers.size() + array_.count);
  for (size_t i = 0; i < array_.count; ++i) {
    headers.emplace_back(view_of(array_.metadata[i].key), view_of(array_.metadata[i].value));
  }
}

SentMetadata::~SentMetadata() {
  for (const grpc_metadata& pair : pairs_) {
    grpc_slice_unref(pair.key);
    grpc_slice_unref(pair.value);
  }
}

bool SentMetadata::add(std::string_view name, std::string_view value) {
  grpc_metadata pair{};
  pair.key = copied(name);
  pair.value = copied(value);
  const bool legal =
      grpc_header_key_is_legal(pair.key) != 0 && !name.starts_with(':') &&
      (grpc_is_binary_header(pair.key) != 0 || grpc_header_nonbin_value_is_legal(pair.value) != 0);
  if (!legal) {
    grpc_slice_unref(pair.key);
    grpc_slice_unref(pair.value);
    return false;
  }
  pairs_.push_back(pair);
  return true;
}

void ChannelArgs::set(const char* name, int64_t value) {
  grpc_arg arg{};
  arg.type = GRPC_ARG_INTEGER;
  arg.key = const_cast<char*>(name);
  arg.value.integer =
      static_cast<int>(std::clamp<int64_t>(value, 0, std::numeric_limits<int>::max()));
  args_.push_back(arg);
}

void ChannelArgs::set(const char* name, const std::string& value) {
  texts_.push_back(std::make_unique<std::string>(value));
  grpc_arg arg{};
  arg.type = GRPC_ARG_STRING;
  arg.key = const_cast<char*>(name);
  arg.value.string = texts_.back()->data();
  args_.push_back(arg);
}

void ChannelArgs::set_quota(grpc_resource_quota* quota) {
  grpc_arg arg{};
  arg.type = GRPC_ARG_POINTER;
  arg.key = const_cast<char*>(GRPC_ARG_RESOURCE_QUOTA);
  arg.value.pointer.p = quota;
  arg.value.pointer.vtable = grpc_resource_quota_arg_vtable();
  args_.push_back(arg);
}

const grpc_channel_args* ChannelArgs::get() {
  all_.num_args = args_.size();
  all_.args = args_.data();
  return &all_;
}

std::string peer_text(std::string_view uri) {
  const size_t scheme = uri.find(':');
  if (scheme == std::string_view::npos || !uri.starts_with("ipv")) {
    return std::string(uri);
  }
  std::string text(uri.substr(scheme + 1));
  // In an IPv6 address the brackets are percent-encoded.
  for (const auto& [code, character] : {std::pair{"%5B", "["}, std::pair{"%5D", "]"}}) {
    const size_t at = text.find(code);
    if (at != std::string::npos) {
      text.replace(at, 3, character);
    }
  }
  constexpr std::string_view kMapped = "[::ffff:";
  const size_t end = text.find(']');
  if (text.starts_with(kMapped) && text.find('.') < end) {
    return text.substr(kMapped.size(), end - kMapped.size()) + text.substr(end + 1);
  }
  return text;
}

}  // namespace tailrace::net::core
