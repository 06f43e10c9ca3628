// Targets from an HTTP endpoint.

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tailrace/regex.h"

#include "plugins/common/prom/sd_options.h"
#include "plugins/common/prom/target_groups.h"

namespace tailrace::common::prom {

namespace {

constexpr size_t kMaxAnswerBytes = 64 << 20;

bool is_json(std::string_view content_type) {
  static const auto regex =
      Regex::compile(R"((?i)application\/json(;\s*charset=("utf-8"|utf-8))?)", {.anchored = true});
  return regex && regex->matches(content_type);
}

/// Keeps an answer's body.
class Body final : public AnswerSink {
 public:
  bool on_head(const Headers& headers) override {
    text_.clear();
    content_type_.clear();
    for (const auto& [name, value] : headers) {
      if (name == "content-type") {
        content_type_ = value;
      }
    }
    return true;
  }
  bool on_data(std::string_view bytes) override {
    text_.append(bytes);
    return text_.size() <= kMaxAnswerBytes;
  }
  const std::string& text() const noexcept { return text_; }
  const std::string& content_type() const noexcept { return content_type_; }
  bool too_large() const noexcept { return text_.size() > kMaxAnswerBytes; }
  void release() {
    text_.clear();
    text_.shrink_to_fit();
  }

 private:
  std::string text_;
  std::string content_type_;
};

/// Lane: the context's.
/// Source: Prometheus docs, http_sd; discovery/http.
class HttpDiscovery final : public Discovery {
 public:
  HttpDiscovery(const HttpSdConfig& config, DiscoveryContext& context,
                std::unique_ptr<Channel> channel)
      : config_(config),
        context_(context),
        failures_(context.metrics.counter("discovery_failures_total",
                                          "Looks for targets that failed.", {{"kind", "http"}})),
        channel_(std::move(channel)),
        refresh_(context.lane.timer([this] { fetch(); })) {}

  void start(OnGroups on_groups) override {
    on_groups_ = std::move(on_groups);
    fetch();
  }

 private:
  void fetch() {
    const auto interval =
        std::chrono::duration_cast<std::chrono::milliseconds>(config_.refresh_interval);
    refresh_->start(interval);
    if (call_ != 0) {  // its time is up, too
      channel_->cancel(std::exchange(call_, 0));
      fail("no answer within refresh_interval");
    }
    Call call;
    call.method = "GET";
    call.url = config_.url;
    call.headers = {{"Accept", "application/json"},
                    {"Accept-Encoding", "gzip"},
                    {"X-Prometheus-Refresh-Interval-Seconds",
                     fmt::format("{}", static_cast<double>(interval.count()) / 1000)}};
    call.timeout = interval;
    call.sink = &body_;
    call_ = channel_->call(call, [this](const CallResult& result) {
      call_ = 0;
      take(result);
    });
  }

  void take(const CallResult& result) {
    if (body_.too_large()) {
      fail(fmt::format("the answer is larger than {} MiB", kMaxAnswerBytes >> 20));
    } else if (!result.transport) {
      fail(result.transport.error().message);
    } else if (result.status != 200) {
      fail(fmt::format("server returned HTTP status {}", result.status));
    } else if (!is_json(body_.content_type())) {
      fail(fmt::format("unsupported content type \"{}\"", body_.content_type()));
    } else if (auto groups = parse_json_groups(body_.text())) {
      body_.release();
      tell(std::move(*groups));
    } else {
      fail(groups.error().message);
    }
  }

  void fail(const std::string& why) {
    failures_.increment();
    context_.log.warn("http_sd", fmt::format("no targets from {}: {}; those known before stay",
                                             config_.url, why));
    body_.release();
    if (!std::exchange(has_told_, true)) {
      on_groups_({});  // may destroy this
    }
  }

  void tell(std::vector<TargetGroup> groups) {
    std::vector<TargetGroup> changed;
    for (size_t i = 0; i < groups.size(); ++i) {
      TargetGroup& group = groups[i];
      group.source = source_of(i);
      std::erase_if(group.labels, [](const auto& label) { return label.first == "__meta_url"; });
      group.labels.emplace_back("__meta_url", config_.url);
      if (i >= known_.size() || known_[i].labels != group.labels ||
          known_[i].targets != group.targets) {
        changed.push_back(group);
      }
    }
    for (size_t i = groups.size(); i < known_.size(); ++i) {
      changed.push_back({source_of(i), {}, {}});
    }
    known_ = std::move(groups);
    const bool first = !std::exchange(has_told_, true);
    if (first || !changed.empty()) {
      on_groups_(std::move(changed));  // may destroy this
    }
  }

  std::string source_of(size_t index) const { return fmt::format("{}:{}", config_.url, index); }

  const HttpSdConfig& config_;
  DiscoveryContext& context_;
  Counter& failures_;
  OnGroups on_groups_;
  Body body_;
  std::vector<TargetGroup> known_;
  bool has_told_ = false;
  CallId call_ = 0;
  std::unique_ptr<Channel> channel_;  // goes before what its calls use
  std::unique_ptr<Timer> refresh_;
};

}  // namespace

Result<std::unique_ptr<Discovery>> HttpSdConfig::make(DiscoveryContext& context) const {
  auto channel = context.http_channel(http);
  if (!channel) {
    return tl::unexpected<Error>(channel.error());
  }
  return std::unique_ptr<Discovery>(
      std::make_unique<HttpDiscovery>(*this, context, std::move(*channel)));
}

}  // namespace tailrace::common::prom
