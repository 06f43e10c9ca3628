#include "plugins/outputs/otlp/rework.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/compression.h"
#include "codec/padded_bytes.h"
#include "codec/proto_reader.h"
#include "codec/proto_writer.h"
#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/messages.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/outputs/otlp/request_body.h"
#include "plugins/outputs/otlp/signals.h"

namespace tailrace::outputs::otlp {

using common::otlp::append_field;
using common::otlp::MessageType;
using common::otlp::RequestChecker;

namespace {

/// No request of ours was larger before it was compressed.
constexpr size_t kMostBytes = UINT32_MAX;

tl::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::corrupt, std::move(message));
}

/// Halves of a message.
struct Halves {
  std::string first;
  std::string second;
};

bool is_divided(MessageType type) noexcept {
  return common::otlp::is_record(type) || common::otlp::holds_records(type);
}

/// Divides a message between the records that it holds; both halves get its other fields. Nothing,
/// when there is only one record in it. The message was checked.
std::optional<Halves> halve(std::string_view message, MessageType type) {
  size_t children = 0;
  codec::ProtoReader count(message);
  while (count.next()) {
    children += is_divided(common::otlp::field_of(type, count.field()).message) ? 1 : 0;
    count.skip();
  }
  Halves halves;
  bool divided = children > 1;
  size_t child = 0;
  const char* at = message.data();
  const char* const end = at + message.size();
  while (at != end) {
    const char* const field_at = at;
    uint64_t tag = 0;
    codec::read_varint(at, end, tag);
    const auto number = static_cast<uint32_t>(tag >> 3);
    codec::ProtoReader rest({field_at, static_cast<size_t>(end - field_at)});
    rest.next();
    const MessageType inner = common::otlp::field_of(type, number).message;
    if (is_divided(inner)) {
      const std::string_view content = rest.bytes();
      at = content.data() + content.size();
      if (children > 1) {
        (child++ < children / 2 ? halves.first : halves.second).append(field_at, at);
      } else if (common::otlp::holds_records(inner)) {
        if (const auto deeper = halve(content, inner)) {
          append_field(halves.first, number, deeper->first);
          append_field(halves.second, number, deeper->second);
          divided = true;
        }
      }
      continue;
    }
    switch (static_cast<codec::WireType>(tag & 7)) {
      case codec::WireType::varint: {
        uint64_t ignored = 0;
        codec::read_varint(at, end, ignored);
        break;
      }
      case codec::WireType::fixed64:
        at += 8;
        break;
      case codec::WireType::fixed32:
        at += 4;
        break;
      case codec::WireType::bytes: {
        const std::string_view content = rest.bytes();
        at = content.data() + content.size();
        break;
      }
    }
    halves.first.append(field_at, at);
    halves.second.append(field_at, at);
  }
  return divided ? std::optional(std::move(halves)) : std::nullopt;
}

/// `whole` × part / of, without overflow.
uint64_t share(uint64_t whole, uint64_t part, uint64_t of) noexcept {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(whole) * part / of);
}

class Builder {
 public:
  Builder(const SealedView& request, std::string_view body, BodyCompression compression)
      : request_(request), compression_(compression), body_(body) {}

  std::string_view bytes_of(uint32_t part) const {
    return body_.substr(request_.parts[part].offset, request_.parts[part].length);
  }

  /// A body of the parts [from, to).
  void add(uint32_t from, uint32_t to) {
    ReworkedBody& made = begin();
    std::string bytes;
    for (uint32_t i = from; i < to; ++i) {
      PartRange part = request_.parts[i];
      part.offset = static_cast<uint32_t>(bytes.size());
      bytes += bytes_of(i);
      made.parts.push_back(part);
      made.origin.push_back(i);
    }
    made.payload = compress_body(bytes, compression_);
  }

  /// Divides the only part.
  Status divide(Signal signal) {
    const std::string_view bytes = bytes_of(0);
    RequestChecker checker;
    if (const Status good = checker.check(signal, bytes); !good) {
      return corrupt(good.error().message);
    }
    const uint64_t records = checker.records();
    if (records == 0) {
      return corrupt("the payload holds no records");
    }
    const auto resources = checker.resources();
    Halves halves;
    if (resources.size() > 1) {
      for (size_t i = 0; i < resources.size(); ++i) {
        append_field(i < resources.size() / 2 ? halves.first : halves.second,
                     common::otlp::request::kResources, resources[i].message);
      }
    } else {
      const auto inside = halve(resources[0].message, common::otlp::resource_of(signal));
      if (!inside) {
        out_.refused.push_back({0, request_.parts[0].weight, "record_too_large"});
        return {};
      }
      append_field(halves.first, common::otlp::request::kResources, inside->first);
      append_field(halves.second, common::otlp::request::kResources, inside->second);
    }
    if (const Status good = checker.check(signal, halves.first); !good) {
      return corrupt(good.error().message);
    }
    const Weight whole = request_.parts[0].weight;
    const Weight first{share(whole.records, checker.records(), records),
                       share(whole.bytes, checker.records(), records)};
    add_piece(halves.first, first);
    add_piece(halves.second, whole - first);
    return {};
  }

  Rework take() { return std::move(out_); }

 private:
  ReworkedBody& begin() {
    ReworkedBody& made = out_.bodies.emplace_back();
    made.format_version = static_cast<uint32_t>(compression_);
    return made;
  }
  void add_piece(std::string_view bytes, Weight weight) {
    ReworkedBody& made = begin();
    made.parts.push_back({0, static_cast<uint32_t>(bytes.size()), weight});
    made.origin.push_back(0);
    made.payload = compress_body(bytes, compression_);
  }

  const SealedView& request_;
  BodyCompression compression_;
  std::string_view body_;
  Rework out_;
};

Result<codec::PaddedBytes> uncompress(const SealedView& request) {
  switch (static_cast<BodyCompression>(request.format_version)) {
    case BodyCompression::gzip:
      return codec::decompress(codec::Compression::gzip, request.payload, kMostBytes);
    case BodyCompression::zstd:
      return codec::decompress(codec::Compression::zstd, request.payload, kMostBytes);
    case BodyCompression::none:
      return codec::PaddedBytes::copy_of(request.payload);
  }
  return fail(ErrorCode::unsupported, "a body's format that is not known");
}

/// Where the parts are divided into two runs of about as many bytes, neither empty.
uint32_t middle_of(std::span<const PartRange> parts) noexcept {
  uint64_t total = 0;
  for (const PartRange& part : parts) {
    total += part.length;
  }
  uint64_t before = 0;
  uint32_t cut = 0;
  while (cut + 1 < parts.size() && (cut == 0 || before + parts[cut].length <= total / 2)) {
    before += parts[cut++].length;
  }
  return cut;
}

}  // namespace

Result<Rework> rework_export(const SealedView& request, ReworkReason reason) {
  const auto signal = signal_of_tenant(request.tenant);
  const auto compression = static_cast<BodyCompression>(request.format_version);
  const bool is_other_form = reason == ReworkReason::unknown_format;
  if (!signal || (is_other_form && compression != BodyCompression::zstd)) {
    return fail(ErrorCode::unsupported, "there is no other form of it");
  }
  const auto body = uncompress(request);
  if (!body) {
    return corrupt(body.error().message);
  }
  for (const PartRange& part : request.parts) {
    if (part.offset > body->size() || part.length > body->size() - part.offset) {
      return corrupt("a part lies outside of the payload");
    }
  }
  Builder builder(request, body->view(), is_other_form ? BodyCompression::gzip : compression);
  const auto count = static_cast<uint32_t>(request.parts.size());
  if (is_other_form) {
    builder.add(0, count);
  } else if (reason == ReworkReason::blame_source) {
    for (uint32_t i = 0; i < count; ++i) {
      builder.add(i, i + 1);
    }
  } else if (count == 1) {
    if (const Status divided = builder.divide(*signal); !divided) {
      return tl::unexpected(divided.error());
    }
  } else if (count > 1) {
    const uint32_t cut = middle_of(request.parts);
    builder.add(0, cut);
    builder.add(cut, count);
  }
  return builder.take();
}

}  // namespace tailrace::outputs::otlp
