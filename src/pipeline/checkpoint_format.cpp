#include "pipeline/checkpoint_format.h"

#include <fmt/format.h>

#include "delivery/fixed_ints.h"
#include "delivery/state_header.h"

namespace tailrace::pipeline {

namespace {

using delivery::load_u32;
using delivery::load_u64;
using delivery::store_u32;
using delivery::store_u64;

// Offsets of the fields behind the state header.
constexpr size_t kRowCount = delivery::kStateHeaderSize;
constexpr size_t kBodySize = kRowCount + 8;
constexpr size_t kChecksum = kBodySize + 8;
constexpr size_t kBody = kChecksum + 4;
/// Three lengths stand before each row's texts.
constexpr size_t kRowHeader = 12;

/// Covers all that the state header's own checksum does not.
uint32_t checksum(std::string_view bytes) {
  const uint32_t counts = delivery::state_checksum(bytes.substr(kRowCount, kChecksum - kRowCount));
  return delivery::state_checksum(bytes.substr(kBody), counts);
}

/// Reads one row at the front of `body` and moves past it. False when it does not fit.
bool read_row(std::string_view& body, CheckpointRows& rows) {
  if (body.size() < kRowHeader) {
    return false;
  }
  const uint64_t input = load_u32(&body[0]);
  const uint64_t key = load_u32(&body[4]);
  const uint64_t value = load_u32(&body[8]);
  if (input + key + value > body.size() - kRowHeader) {
    return false;
  }
  body.remove_prefix(kRowHeader);
  auto take = [&body](uint64_t size) {
    std::string text(body.substr(0, size));
    body.remove_prefix(size);
    return text;
  };
  std::string input_name = take(input);
  std::string key_text = take(key);
  const size_t rows_before = rows.size();
  rows.emplace_hint(rows.end(), std::pair(std::move(input_name), std::move(key_text)), take(value));
  return rows.size() == rows_before + 1;  // no key stands there twice
}

}  // namespace

std::string encode_checkpoints(const CheckpointRows& rows, uint64_t number) {
  size_t body_size = 0;
  for (const auto& [key, value] : rows) {
    body_size += kRowHeader + key.first.size() + key.second.size() + value.size();
  }
  std::string bytes = delivery::encode_state_header(
      kCheckpointMagic, {kCheckpointVersion, number, 0, std::string(delivery::running_build())});
  bytes.reserve(kBody + body_size);
  bytes.resize(kBody);
  store_u64(&bytes[kRowCount], rows.size());
  store_u64(&bytes[kBodySize], body_size);
  for (const auto& [key, value] : rows) {
    char lengths[kRowHeader];
    store_u32(&lengths[0], static_cast<uint32_t>(key.first.size()));
    store_u32(&lengths[4], static_cast<uint32_t>(key.second.size()));
    store_u32(&lengths[8], static_cast<uint32_t>(value.size()));
    bytes.append(lengths, kRowHeader).append(key.first).append(key.second).append(value);
  }
  store_u32(&bytes[kChecksum], checksum(bytes));
  return bytes;
}

Result<CheckpointFile> decode_checkpoints(std::string_view bytes, std::string_view what) {
  const auto header =
      delivery::decode_state_header(bytes, kCheckpointMagic, kCheckpointVersion, what);
  if (!header) {
    return tl::unexpected<Error>(header.error());
  }
  if (bytes.size() < kBody || load_u64(&bytes[kBodySize]) != bytes.size() - kBody) {
    return fail(ErrorCode::corrupt, fmt::format("{} is not as long as it says", what));
  }
  if (load_u32(&bytes[kChecksum]) != checksum(bytes)) {
    return fail(ErrorCode::corrupt, fmt::format("the checksum of {} is wrong", what));
  }
  CheckpointFile file;
  file.number = header->number;
  std::string_view body = bytes.substr(kBody);
  while (!body.empty()) {
    if (!read_row(body, file.rows)) {
      return fail(ErrorCode::corrupt, fmt::format("a row of {} is malformed", what));
    }
  }
  if (file.rows.size() != load_u64(&bytes[kRowCount])) {
    return fail(ErrorCode::corrupt, fmt::format("rows are missing in {}", what));
  }
  return file;
}

}  // namespace tailrace::pipeline
