#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/log_batch.h"
#include "tailrace/output.h"

namespace tailrace::testkit {

/// Records of a test: one word each, for a tenant.
class WordBatch final : public Batch {
 public:
  static inline const BatchType kType{"words", Signal::logs};
  WordBatch() noexcept : Batch(kType) {}
  std::string_view tenant;
  std::vector<std::string> words;
  Weight weight() const noexcept override {
    Weight sum{words.size(), 0};
    for (const std::string& word : words) {
      sum.bytes += word.size();
    }
    return sum;
  }
  Batch* copy_views(Arena&) const override { return const_cast<WordBatch*>(this); }
};

struct WordOutputConfig {
  std::string url = "http://fake/";
  std::string tenant_label;
};

/// An output whose bodies are words, one a line, uncompressed; a log record is a word, too.
/// Answers: 200 delivered, 206 with a number in the body: so many refused, 400 refused, 409 one
/// source is to blame, 413 too large, 429 the tenant waits, else retry.
class WordOutput final : public Output {
 public:
  explicit WordOutput(
      std::unique_ptr<Channel> channel,
      std::shared_ptr<const WordOutputConfig> config = std::make_shared<const WordOutputConfig>())
      : channel_(std::move(channel)), config_(std::move(config)) {}
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const WordOutputConfig> config,
                                              OutputContext& context) {
    auto channel = context.http_channel({});
    if (!channel) {
      return tl::unexpected<Error>(channel.error());
    }
    return std::unique_ptr<Output>(
        std::make_unique<WordOutput>(std::move(*channel), std::move(config)));
  }

  std::unique_ptr<RequestBody> new_body() override { return std::make_unique<Body>(); }
  void append(const Batch& batch, Requests& requests) noexcept override {
    std::string text;
    std::string_view tenant;
    if (const auto* logs = batch_cast<LogBatch>(batch)) {
      for (uint32_t i = 0; i < logs->size; ++i) {
        text.append(logs->bodies[i]).push_back('\n');
      }
      tenant = logs->labels->get(config_->tenant_label);
    } else {
      const auto& words = static_cast<const WordBatch&>(batch);
      for (const std::string& word : words.words) {
        text += word + "\n";
      }
      tenant = words.tenant;
    }
    uint32_t index = 0;
    auto& body = static_cast<Body&>(requests.part(tenant, 0, text.size(), batch.weight(), index));
    body.pieces.push_back(std::move(text));
  }
  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override {
    call.url = config_->url;
    call.headers = {{"x-tenant", std::string(request.tenant)}};
  }
  Answer read_answer(const SealedView&, const CallResult& result) override {
    Answer answer;
    if (!result.transport) {
      answer.kind = Answer::Kind::retry;
      answer.reason = "network";
      return answer;
    }
    answer.reason = "http_" + std::to_string(result.status);
    switch (result.status) {
      case 200:
      case 204:
        break;
      case 206:
        answer.kind = Answer::Kind::partly;
        answer.refused = std::strtoull(result.body.c_str(), nullptr, 10);
        break;
      case 400:
        answer.kind = Answer::Kind::refused;
        break;
      case 409:
        answer.kind = Answer::Kind::blame_source;
        break;
      case 413:
        answer.kind = Answer::Kind::too_large;
        break;
      case 429:
        answer.kind = Answer::Kind::retry;
        answer.tenant_only = true;
        answer.retry_after = std::chrono::seconds(10);
        break;
      default:
        answer.kind = Answer::Kind::retry;
    }
    return answer;
  }
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override {
    // Every part becomes a body; a single part is cut after its first record.
    Rework out;
    for (uint32_t i = 0; i < request.parts.size(); ++i) {
      const PartRange& part = request.parts[i];
      if (part.offset > request.payload.size() ||
          part.length > request.payload.size() - part.offset) {
        return fail(ErrorCode::corrupt, "a part lies outside of the body");
      }
      const std::string_view text = request.payload.substr(part.offset, part.length);
      const size_t cut = text.find('\n') + 1;
      if (request.parts.size() == 1 && reason == ReworkReason::too_large) {
        if (part.weight.records < 2 || cut == 0 || cut == text.size()) {
          out.refused.push_back({0, part.weight, "too_large"});
          return out;
        }
        const Weight first{1, cut - 1};
        add(out, text.substr(0, cut), i, first);
        add(out, text.substr(cut), i, part.weight - first);
      } else {
        add(out, text, i, part.weight);
      }
    }
    return out;
  }

 private:
  struct Body final : RequestBody {
    std::vector<std::string> pieces;
    size_t bytes() const noexcept override {
      size_t sum = 0;
      for (const auto& piece : pieces) {
        sum += piece.size();
      }
      return sum;
    }
    Bytes seal(std::span<PartRange> parts) override {
      std::string all;
      for (size_t i = 0; i < pieces.size(); ++i) {
        parts[i].offset = static_cast<uint32_t>(all.size());
        parts[i].length = static_cast<uint32_t>(pieces[i].size());
        all += pieces[i];
      }
      pieces.clear();
      return Bytes::copy_of(all);
    }
  };
  static void add(Rework& out, std::string_view text, uint32_t origin, Weight weight) {
    ReworkedBody& body = out.bodies.emplace_back();
    body.payload = Bytes::copy_of(text);
    body.format_version = 1;
    body.parts.push_back({0, static_cast<uint32_t>(text.size()), weight});
    body.origin.push_back(origin);
  }
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<const WordOutputConfig> config_;
};

}  // namespace tailrace::testkit
