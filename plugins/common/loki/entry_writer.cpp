#include "plugins/common/loki/entry_writer.h"

namespace tailrace::loki {

std::string encode_metadata_pair(std::string_view name, std::string_view value) {
  const size_t size = metadata_pair_size({name, value});
  std::string out(codec::bytes_field_size(kMetadataField, size), '\0');
  char* to = codec::write_bytes_header(out.data(), kMetadataField, size);
  codec::write_bytes_field(codec::write_bytes_field(to, 1, name), 2, value);
  return out;
}

void EntryWriter::set_second(int64_t timestamp_ns) noexcept {
  constexpr auto kWhole = static_cast<int64_t>(kSecond);
  int64_t seconds = timestamp_ns / kWhole;
  if (timestamp_ns % kWhole < 0) {
    --seconds;  // nanos are never negative
  }
  second_start_ns_ = static_cast<uint64_t>(seconds) * kSecond;
  seconds_size_ = 0;
  if (seconds != 0) {
    char* end = codec::write_varint(seconds_ + 1, static_cast<uint64_t>(seconds));
    seconds_[0] = kSecondsTag;
    seconds_size_ = static_cast<size_t>(end - seconds_);
  }
}

}  // namespace tailrace::loki
