#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

namespace tailrace::outputs::lines {

struct Config {
  std::string url;
};
const Schema& schema() {
  static const Schema schema =
      Schema::of<Config>({option("url", &Config::url, "Where to.").required()});
  return schema;
}

class Body final : public RequestBody {
 public:
  size_t bytes() const noexcept override { return text_.size(); }
  Bytes seal(std::span<PartRange> parts) override {
    for (size_t i = 0; i < parts.size(); ++i) {
      const size_t end = i + 1 < starts_.size() ? starts_[i + 1] : text_.size();
      parts[i].offset = starts_[i];
      parts[i].length = static_cast<uint32_t>(end) - starts_[i];
    }
    starts_.clear();
    return Bytes::copy_of(std::exchange(text_, {}));
  }
  void begin_part() { starts_.push_back(static_cast<uint32_t>(text_.size())); }
  void add(std::string_view line) { text_.append(line).push_back('\n'); }

 private:
  std::string text_;
  std::vector<uint32_t> starts_;
};

/// POSTs lines.
class Lines final : public Output {
 public:
  Lines(std::shared_ptr<const Config> config, std::unique_ptr<Channel> channel)
      : config_(std::move(config)), channel_(std::move(channel)) {}
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const Config> config,
                                              OutputContext& context) {
    auto channel = context.http_channel({});
    if (!channel) {
      return tl::unexpected<Error>(channel.error());
    }
    return std::unique_ptr<Output>(std::make_unique<Lines>(std::move(config), std::move(*channel)));
  }

  std::unique_ptr<RequestBody> new_body() override { return std::make_unique<Body>(); }
  void append(const Batch& any, Requests& requests) noexcept override {
    const LogBatch& batch = *batch_cast<LogBatch>(any);
    size_t size = 0;
    for (uint32_t i = 0; i < batch.size; ++i) {
      size += batch.bodies[i].size() + 1;
    }
    uint32_t part = 0;
    auto& body =
        static_cast<Body&>(requests.part("", batch.labels->hash(), size, batch.weight(), part));
    body.begin_part();
    for (uint32_t i = 0; i < batch.size; ++i) {
      body.add(batch.bodies[i]);
    }
  }
  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView&, Call& call) override { call.url = config_->url; }
  Answer read_answer(const SealedView&, const CallResult& result) override {
    Answer answer;
    answer.reason = result.transport ? "http_" + std::to_string(result.status) : "no_answer";
    answer.detail = result.body.substr(0, 200);
    if (!result.transport || result.status == 429 || result.status >= 500) {
      answer.kind = Answer::Kind::retry;
    } else if (result.status == 413) {
      answer.kind = Answer::Kind::too_large;
    } else if (result.status / 100 != 2) {
      answer.kind = Answer::Kind::refused;
    }
    return answer;
  }
  Result<Rework> rework(const SealedView& request, ReworkReason) const override {
    Rework out;
    for (uint32_t i = 0; i < request.parts.size(); ++i) {
      const PartRange& part = request.parts[i];
      if (part.offset > request.payload.size() ||
          part.length > request.payload.size() - part.offset) {
        return fail(ErrorCode::corrupt, "a part lies outside of the body");
      }
      const std::string_view lines = request.payload.substr(part.offset, part.length);
      size_t cut = lines.size();
      if (request.parts.size() == 1) {  // in two, behind the line that ends before the middle
        cut = lines.rfind('\n', lines.size() / 2) + 1;
        cut = cut != 0 ? cut : lines.find('\n') + 1;
        if (cut == 0 || cut == lines.size()) {
          out.refused.push_back({i, part.weight, "line_too_large"});
          return out;
        }
      }
      if (cut == lines.size()) {
        add(out, i, lines, part.weight, request.format_version);
        continue;
      }
      const Weight first{part.weight.records * cut / lines.size(),
                         part.weight.bytes * cut / lines.size()};
      add(out, i, lines.substr(0, cut), first, request.format_version);
      add(out, i, lines.substr(cut), part.weight - first, request.format_version);
    }
    return out;
  }

 private:
  static void add(Rework& out, uint32_t origin, std::string_view lines, Weight weight,
                  uint32_t version) {
    ReworkedBody& body = out.bodies.emplace_back();
    body.payload = Bytes::copy_of(lines);
    body.format_version = version;
    body.parts.push_back({0, static_cast<uint32_t>(lines.size()), weight});
    body.origin.push_back(origin);
  }
  std::shared_ptr<const Config> config_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace tailrace::outputs::lines

namespace tailrace {
constexpr Signal kLinesSignals[] = {Signal::logs};
extern const PluginDescriptor outputs_lines_plugin;
const PluginDescriptor outputs_lines_plugin =
    define_output<outputs::lines::Lines, outputs::lines::Config>(
        {.name = "lines", .summary = "POSTs lines.", .signals = kLinesSignals},
        outputs::lines::schema);
}  // namespace tailrace
