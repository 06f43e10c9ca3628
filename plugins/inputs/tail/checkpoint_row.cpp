#include "plugins/inputs/tail/checkpoint_row.h"

#include <fmt/format.h>

#include "codec/varint.h"

namespace tailrace::inputs::tail {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kGzip = 1;
constexpr uint8_t kFinished = 2;

void put(std::string& to, uint64_t value) {
  char bytes[codec::kMaxVarintBytes];
  to.append(bytes, static_cast<size_t>(codec::write_varint(bytes, value) - bytes));
}

void put_signed(std::string& to, int64_t value) {
  put(to, codec::zigzag(value));
}

void put_text(std::string& to, std::string_view text) {
  put(to, text.size());
  to.append(text);
}

/// Reads what put() and its siblings wrote. After a failure everything reads as 0.
class RowReader {
 public:
  explicit RowReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  uint64_t number(uint64_t most = UINT64_MAX) {
    uint64_t value = 0;
    if (!ok_ || !codec::read_varint(at_, end_, value) || value > most) {
      ok_ = false;
      return 0;
    }
    return value;
  }
  int64_t signed_number() { return codec::unzigzag(number()); }
  std::string text() {
    const uint64_t size = number(static_cast<uint64_t>(end_ - at_));
    if (size > static_cast<uint64_t>(end_ - at_)) {
      ok_ = false;
    }
    if (!ok_) {
      return {};
    }
    std::string text(at_, static_cast<size_t>(size));
    at_ += size;
    return text;
  }
  bool complete() const noexcept { return ok_ && at_ == end_; }
  bool ok() const noexcept { return ok_; }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace

std::string checkpoint_key(uint64_t inode, const Fingerprint& fingerprint, uint32_t twin) {
  std::string key = fmt::format("{:x}.{}.{:016x}", inode, fingerprint.size, fingerprint.hash);
  if (twin != 0) {
    key += fmt::format("#{}", twin);
  }
  return key;
}

std::string encode_row(const CheckpointRow& row) {
  std::string bytes;
  bytes.reserve(80 + row.real_path.size() + row.label_path.size());
  bytes += static_cast<char>(kVersion);
  bytes += static_cast<char>(row.format);
  bytes += static_cast<char>((row.gzip ? kGzip : 0) | (row.finished ? kFinished : 0));
  put(bytes, row.inode);
  put(bytes, row.fingerprint.size);
  put(bytes, row.fingerprint.hash);
  put(bytes, row.point.offset);
  for (const StreamPoint& stream : row.point.streams) {
    put_signed(bytes, stream.time);
    put(bytes, stream.repeats);
    bytes += static_cast<char>(stream.line);
  }
  put(bytes, row.size);
  put_signed(bytes, row.mtime_ns);
  put_signed(bytes, row.fallback_time);
  put(bytes, row.decisions.size());
  for (const Decision& decision : row.decisions) {
    put(bytes, decision.offset);
    bytes += static_cast<char>(decision.endings);
  }
  put_text(bytes, row.real_path);
  put_text(bytes, row.label_path);
  return bytes;
}

Result<CheckpointRow> decode_row(std::string_view bytes) {
  RowReader in(bytes);
  const uint64_t version = in.number();
  if (in.ok() && version > kVersion) {
    return fail(
        ErrorCode::unsupported,
        fmt::format("a checkpoint of version {}; this tailrace knows {}", version, kVersion));
  }
  CheckpointRow row;
  row.format = static_cast<Format>(in.number(static_cast<uint64_t>(Format::raw)));
  const uint64_t flags = in.number(kGzip | kFinished);
  row.gzip = (flags & kGzip) != 0;
  row.finished = (flags & kFinished) != 0;
  row.inode = in.number();
  row.fingerprint.size = static_cast<uint32_t>(in.number(kFingerprintBytes));
  row.fingerprint.hash = in.number();
  row.point.offset = in.number(INT64_MAX);
  for (StreamPoint& stream : row.point.streams) {
    stream.time = in.signed_number();
    stream.repeats = static_cast<uint32_t>(in.number(UINT32_MAX));
    stream.line = static_cast<LineState>(in.number(static_cast<uint64_t>(LineState::inherits)));
  }
  row.size = in.number();
  row.mtime_ns = in.signed_number();
  row.fallback_time = in.signed_number();
  const uint64_t decisions = in.number(bytes.size());
  for (uint64_t i = 0; i < decisions && in.ok(); ++i) {
    const uint64_t offset = in.number(INT64_MAX);
    row.decisions.push_back({offset, static_cast<uint8_t>(in.number(kEndAll))});
  }
  row.real_path = in.text();
  row.label_path = in.text();
  if (!in.complete() || version == 0) {
    return fail(ErrorCode::corrupt, "a checkpoint that does not read as one");
  }
  return row;
}

}  // namespace tailrace::inputs::tail
