#include "plugins/common/text/text_encoder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tailrace/check.h"

namespace tailrace::common::text {

namespace {

class LabelsText final : public LabelAttachment {
 public:
  explicit LabelsText(std::string given) : text(std::move(given)) {}
  const std::string text;
};

class TextBody final : public RequestBody {
 public:
  size_t bytes() const noexcept override { return text_.size(); }

  Bytes seal(std::span<PartRange> parts) override {
    TR_CHECK(parts.size() == ends_.size());
    uint32_t offset = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].offset = offset;
      parts[i].length = ends_[i] - offset;
      offset = ends_[i];
    }
    Bytes payload = Bytes::copy_of(text_);
    text_.clear();
    ends_.clear();
    return payload;
  }

  std::string& text() noexcept { return text_; }
  /// Everything since the last call is part `part`.
  void end_part(uint32_t part) {
    TR_CHECK(part == ends_.size());
    ends_.push_back(static_cast<uint32_t>(text_.size()));
  }

 private:
  std::string text_;
  std::vector<uint32_t> ends_;
};

/// A run of parts, or a piece of one, for a body of its own.
struct Piece {
  size_t first_part;
  size_t parts;
  uint32_t from;  // into the payload
  uint32_t to;
  bool carries_weight = true;
};

ReworkedBody make_body(const SealedView& request, const Piece& piece) {
  ReworkedBody body;
  body.format_version = request.format_version;
  body.payload = Bytes::copy_of(request.payload.substr(piece.from, piece.to - piece.from));
  for (size_t i = piece.first_part; i < piece.first_part + piece.parts; ++i) {
    PartRange part = request.parts[i];
    const uint32_t begin = std::max(part.offset, piece.from);
    const uint32_t end = std::min(part.offset + part.length, piece.to);
    part.offset = begin - piece.from;
    part.length = end - begin;
    if (!piece.carries_weight) {
      part.weight = {};
    }
    body.parts.push_back(part);
    body.origin.push_back(static_cast<uint32_t>(i));
  }
  return body;
}

uint32_t end_of(const PartRange& part) noexcept {
  return part.offset + part.length;
}

}  // namespace

TextEncoder::TextEncoder(TextFormat format, LabelInterner& interner, size_t batch_bytes)
    : format_(format), slot_(interner.new_slot()), piece_bytes_(batch_bytes / 2) {}

std::unique_ptr<RequestBody> TextEncoder::new_body() {
  return std::make_unique<TextBody>();
}

std::string_view TextEncoder::labels_of(const Labels& labels) {
  if (labels.attachment(slot_) == nullptr) {
    labels.attach(slot_, std::make_unique<LabelsText>(labels_text(format_, labels)));
  }
  return static_cast<const LabelsText&>(*labels.attachment(slot_)).text;
}

void TextEncoder::append(const Batch& batch, Requests& requests) {
  const auto* logs = batch_cast<LogBatch>(batch);
  if (logs == nullptr) {
    requests.refuse(batch.weight(), "no_text", batch.type().name);
    return;
  }
  const std::string_view labels = labels_of(*logs->labels);
  for (uint32_t begin = 0; begin < logs->size;) {
    size_t estimate = 0;
    Weight weight;
    uint32_t end = begin;
    while (end < logs->size && (end == begin || estimate < piece_bytes_)) {
      estimate += estimate_record(format_, labels, *logs, end);
      weight += logs->record_weight(end);
      ++end;
    }
    uint32_t part = 0;
    auto& body = static_cast<TextBody&>(requests.part({}, 0, estimate, weight, part));
    for (uint32_t i = begin; i < end; ++i) {
      append_record(format_, labels, *logs, i, body.text());
    }
    body.end_part(part);
    begin = end;
  }
}

Result<Rework> TextEncoder::rework(const SealedView& request, ReworkReason reason) {
  if (reason == ReworkReason::unknown_format || request.parts.empty()) {
    return fail(ErrorCode::unsupported, "text has no other form");
  }
  Rework rework;
  const auto add = [&](const Piece& piece) { rework.bodies.push_back(make_body(request, piece)); };
  const size_t count = request.parts.size();
  if (reason == ReworkReason::blame_source) {
    for (size_t i = 0; i < count; ++i) {
      add({i, 1, request.parts[i].offset, end_of(request.parts[i])});
    }
    return rework;
  }
  if (count > 1) {
    const size_t half = count / 2;
    add({0, half, 0, request.parts[half].offset});
    add({half, count - half, request.parts[half].offset, end_of(request.parts[count - 1])});
    return rework;
  }
  // One part: cut behind the last line that ends in its first half, else behind its first line.
  const std::string_view text = request.payload;
  size_t cut = text.substr(0, text.size() / 2).rfind('\n');
  if (cut == text.npos) {
    cut = text.find('\n');
  }
  if (cut == text.npos || cut + 1 == text.size()) {
    rework.refused.push_back({0, request.parts[0].weight, "too_large"});
    return rework;
  }
  const auto border = static_cast<uint32_t>(cut + 1);
  const auto size = static_cast<uint32_t>(text.size());
  add({0, 1, 0, border});
  add({.first_part = 0, .parts = 1, .from = border, .to = size, .carries_weight = false});
  return rework;
}

}  // namespace tailrace::common::text
