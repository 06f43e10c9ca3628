#include "plugins/common/prom/label_encoding.h"

#include "codec/proto_writer.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::common::prom {
namespace {

size_t pair_size(const Label& pair) noexcept {
  return codec::bytes_field_size(label::kName, pair.name.size()) +
         codec::bytes_field_size(label::kValue, pair.value.size());
}

}  // namespace

size_t encoded_labels_size(std::span<const Label> labels) noexcept {
  size_t size = 0;
  for (const Label& pair : labels) {
    size += codec::bytes_field_size(v1::series::kLabels, pair_size(pair));
  }
  return size;
}

char* encode_labels(char* to, std::span<const Label> labels) noexcept {
  for (const Label& pair : labels) {
    to = codec::write_bytes_header(to, v1::series::kLabels, pair_size(pair));
    to = codec::write_bytes_field(to, label::kName, pair.name);
    to = codec::write_bytes_field(to, label::kValue, pair.value);
  }
  return to;
}

void encode_labels(std::string& to, std::span<const Label> labels) {
  to.resize(encoded_labels_size(labels));
  encode_labels(to.data(), labels);
}

}  // namespace tailrace::common::prom
