#include "opaque_output.h"

#include <charconv>
#include <utility>
#include <vector>

#include "frames.h"
#include "opaque_batch.h"

namespace tailrace::contract {

namespace {

class MergedBody final : public RequestBody {
 public:
  size_t bytes() const noexcept override { return merged_.size(); }
  Bytes seal(std::span<PartRange> parts) override {
    uint32_t offset = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].offset = offset;
      parts[i].length = lengths_[i];
      offset += lengths_[i];
    }
    Bytes payload = Bytes::copy_of(merged_);
    merged_.clear();
    lengths_.clear();
    return payload;
  }
  void begin_part() { lengths_.push_back(0); }
  void add(std::string_view message) {
    merged_.append(message);
    lengths_.back() += static_cast<uint32_t>(message.size());
  }

 private:
  std::string merged_;
  std::vector<uint32_t> lengths_;
};

/// One message of a sealed body, and the part that it belongs to.
struct Piece {
  uint32_t origin;
  std::string_view message;
};

/// A body of these pieces; neighbours from one part become one part.
ReworkedBody body_of(std::span<const Piece> pieces, uint32_t format_version) {
  ReworkedBody body;
  body.format_version = format_version;
  std::string merged;
  for (const Piece& piece : pieces) {
    if (body.origin.empty() || body.origin.back() != piece.origin) {
      body.origin.push_back(piece.origin);
      body.parts.push_back({static_cast<uint32_t>(merged.size()), 0, {}});
    }
    PartRange& part = body.parts.back();
    part.length += static_cast<uint32_t>(piece.message.size());
    part.weight += {1, piece.message.size()};
    merged += piece.message;
  }
  body.payload = Bytes::copy_of(merged);
  return body;
}

}  // namespace

const Schema& opaque_output_schema() {
  static const Schema schema = Schema::of<OpaqueOutputConfig>({
      option("url", &OpaqueOutputConfig::url, "Where to send.").required(),
      option("max_message", &OpaqueOutputConfig::max_message, "A larger message is refused.")
          .range("16B", "16MiB"),
      option("timeout", &OpaqueOutputConfig::timeout, "Longest wait for an answer.")
          .range("1ms", "10m"),
  });
  return schema;
}

Result<std::unique_ptr<Output>> OpaqueOutput::make(std::shared_ptr<const OpaqueOutputConfig> config,
                                                   OutputContext& context) {
  auto channel = context.http_channel({});
  if (!channel) {
    return tl::unexpected<Error>(channel.error());
  }
  return std::unique_ptr<Output>(
      std::make_unique<OpaqueOutput>(std::move(config), std::move(*channel)));
}

std::unique_ptr<RequestBody> OpaqueOutput::new_body() {
  return std::make_unique<MergedBody>();
}

void OpaqueOutput::append(const Batch& batch, Requests& requests) noexcept {
  const auto* opaque = batch_cast<OpaqueBatch>(batch);
  if (opaque == nullptr) {
    requests.refuse(batch.weight(), "not_opaque", batch.type().name);
    return;
  }
  Weight good;
  for (uint32_t i = 0; i < opaque->size; ++i) {
    const std::string_view message = opaque->messages[i];
    if (message.size() > config_->max_message.bytes) {
      requests.refuse({1, message.size()}, "message_too_large", message);
    } else {
      good += {1, message.size()};
    }
  }
  if (good.records == 0) {
    return;
  }
  uint32_t part = 0;
  auto& body = static_cast<MergedBody&>(requests.part("", 0, good.bytes, good, part));
  body.begin_part();
  for (uint32_t i = 0; i < opaque->size; ++i) {
    if (opaque->messages[i].size() <= config_->max_message.bytes) {
      body.add(opaque->messages[i]);
    }
  }
}

void OpaqueOutput::describe_call(const SealedView&, Call& call) {
  call.url = config_->url;
  call.headers = {{"content-type", "application/octet-stream"}};
  call.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(config_->timeout);
}

Answer OpaqueOutput::read_answer(const SealedView&, const CallResult& result) {
  Answer answer;
  if (!result.transport) {
    answer.kind = Answer::Kind::retry;
    answer.reason = to_string(result.transport.error().code);
    answer.detail = result.transport.error().message;
    return answer;
  }
  answer.reason = "http_" + std::to_string(result.status);
  answer.detail = result.body.substr(0, 200);
  if (result.status / 100 == 2) {
    answer.kind = Answer::Kind::delivered;
    return answer;
  }
  switch (result.status) {
    case 400:
      answer.kind = Answer::Kind::blame_source;
      break;
    case 413:
      answer.kind = Answer::Kind::too_large;
      break;
    case 422:
      answer.kind = Answer::Kind::refused;
      break;
    case 429: {
      answer.kind = Answer::Kind::retry;
      const std::string_view hint = result.header("retry-after");
      int seconds = 0;
      std::from_chars(hint.data(), hint.data() + hint.size(), seconds);
      answer.retry_after = std::chrono::seconds(seconds);
      break;
    }
    default:
      answer.kind = Answer::Kind::retry;
  }
  return answer;
}

Result<Rework> OpaqueOutput::rework(const SealedView& request, ReworkReason reason) const {
  if (reason == ReworkReason::unknown_format) {
    return fail(ErrorCode::unsupported, "there is one format only");
  }
  std::vector<Piece> pieces;
  std::vector<size_t> part_starts;  // index of each part's first piece, and the end
  for (uint32_t i = 0; i < request.parts.size(); ++i) {
    const PartRange& part = request.parts[i];
    if (static_cast<uint64_t>(part.offset) + part.length > request.payload.size()) {
      return fail(ErrorCode::corrupt, "a part lies outside of the body");
    }
    const auto frames = read_frames(request.payload.substr(part.offset, part.length));
    if (!frames || frames->size() != part.weight.records) {
      return fail(ErrorCode::corrupt, "a part has other messages than its table says");
    }
    part_starts.push_back(pieces.size());
    for (const std::string_view message : *frames) {
      pieces.push_back({i, message});
    }
  }
  part_starts.push_back(pieces.size());
  const std::span<const Piece> all(pieces);
  Rework out;
  if (reason == ReworkReason::blame_source) {
    for (size_t i = 0; i + 1 < part_starts.size(); ++i) {
      out.bodies.push_back(body_of(all.subspan(part_starts[i], part_starts[i + 1] - part_starts[i]),
                                   request.format_version));
    }
    return out;
  }
  if (pieces.size() < 2) {
    for (uint32_t i = 0; i < request.parts.size(); ++i) {
      out.refused.push_back({i, request.parts[i].weight, "message_too_large"});
    }
    return out;
  }
  // In two: at the border of the part that lies nearest to the middle, else inside.
  size_t cut = pieces.size() / 2;
  size_t nearest = pieces.size();
  for (const size_t start : part_starts) {
    const size_t distance =
        start > pieces.size() / 2 ? start - pieces.size() / 2 : pieces.size() / 2 - start;
    if (start != 0 && start != pieces.size() && distance < nearest) {
      nearest = distance;
      cut = start;
    }
  }
  out.bodies.push_back(body_of(all.subspan(0, cut), request.format_version));
  out.bodies.push_back(body_of(all.subspan(cut), request.format_version));
  return out;
}

}  // namespace tailrace::contract
