#include "cli/targets.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tailrace/arena.h"
#include "tailrace/channel.h"

#include "base/metrics_registry.h"
#include "cli/commands.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "loop/clock.h"
#include "loop/uv_lane.h"
#include "net/credentials.h"
#include "net/http_client.h"

namespace tailrace::cli {

namespace {

using codec::JsonType;
using codec::JsonValue;

constexpr std::chrono::milliseconds kPatience{10000};

struct Shown {
  std::string pool;
  std::string url;
  std::string health;
  std::string error;
  std::string last;
  std::string duration;
  std::string samples;
  std::string gap;     // seconds; "": none is known
  std::string labels;  // `a="b" c="d"`
  std::string discovered;
};

std::string text_of(JsonValue& value) {
  std::string_view text;
  return value.text(text) ? std::string(text) : std::string();
}

std::string labels_of(JsonValue& value) {
  std::string out;
  value.each_field([&out](std::string_view name, JsonValue& label) {
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : " ", name, text_of(label));
    return true;
  });
  return out;
}

Shown read_target(JsonValue& value) {
  Shown out;
  value.each_field([&out](std::string_view key, JsonValue& part) {
    if (key == "labels") {
      out.labels = labels_of(part);
    } else if (key == "discoveredLabels") {
      out.discovered = labels_of(part);
    } else {
      static const std::map<std::string_view, std::string Shown::*> texts = {
          {"scrapePool", &Shown::pool},     {"scrapeUrl", &Shown::url},
          {"health", &Shown::health},       {"lastError", &Shown::error},
          {"lastScrape", &Shown::last},     {"lastScrapeDuration", &Shown::duration},
          {"lastSamples", &Shown::samples}, {"restartGap", &Shown::gap}};
      if (const auto found = texts.find(key); found != texts.end()) {
        out.*(found->second) = text_of(part);
      }
    }
    return true;
  });
  return out;
}

struct Answer {
  bool success = false;
  std::vector<Shown> active;
  std::vector<Shown> dropped;
  std::map<std::string, std::string> dropped_counts;  // by job
};

Answer read_answer(const std::string& json) {
  Answer out;
  Arena arena;
  codec::JsonReader reader;
  const bool whole = reader.each_field(json, arena, [&out](std::string_view key, JsonValue& value) {
    if (key == "status") {
      out.success = text_of(value) == "success";
    } else if (key == "data") {
      value.each_field([&out](std::string_view list, JsonValue& part) {
        if (list == "droppedTargetCounts") {
          part.each_field([&out](std::string_view job, JsonValue& count) {
            out.dropped_counts.emplace(job, text_of(count));
            return true;
          });
        } else if (list == "activeTargets" || list == "droppedTargets") {
          auto& to = list == "activeTargets" ? out.active : out.dropped;
          part.each_item([&to](JsonValue& item) {
            to.push_back(read_target(item));
            return true;
          });
        }
        return true;
      });
    }
    return true;
  });
  out.success = out.success && whole;
  return out;
}

std::string when(const std::string& time) {
  int64_t ns = 0;
  if (!codec::parse_rfc3339(time, ns)) {
    return "never";
  }
  const int64_t ago = std::max<int64_t>(loop::system_clock().wall_ns() - ns, 0);
  return fmt::format("{:.1f}s ago", static_cast<double>(ago / 1'000'000) / 1000);
}

std::string in_milliseconds(const std::string& seconds) {
  return fmt::format("{:.1f}ms", std::strtod(seconds.c_str(), nullptr) * 1000);
}

std::string show_active(const Shown& target) {
  std::string out = fmt::format("  {:<8} {}\n", target.health, target.url);
  const bool scraped = target.health != "unknown";
  out += scraped ? fmt::format("           last scrape {}, took {}, {} samples\n",
                               when(target.last), in_milliseconds(target.duration), target.samples)
                 : "           not scraped yet\n";
  if (!target.gap.empty()) {
    out += fmt::format("           not scraped for {} s while the agent was not running\n",
                       target.gap);
  }
  if (!target.error.empty()) {
    out += fmt::format("           error: {}\n", target.error);
  }
  out += fmt::format("           labels: {}\n", target.labels);
  return out + fmt::format("           discovered: {}\n", target.discovered);
}

/// Keeps an answer's body, which may be long.
class Body final : public AnswerSink {
 public:
  bool on_head(const Headers&) override { return true; }
  bool on_data(std::string_view bytes) override {
    text.append(bytes);
    return true;
  }
  std::string text;
};

}  // namespace

std::string show_targets(const std::string& json, bool dropped) {
  const Answer answer = read_answer(json);
  if (!answer.success) {
    return {};
  }
  std::map<std::string, std::vector<const Shown*>> jobs;
  for (const Shown& target : answer.active) {
    jobs[target.pool].push_back(&target);
  }
  for (const auto& [job, count] : answer.dropped_counts) {
    jobs[job];
  }
  std::string out;
  for (const auto& [job, targets] : jobs) {
    const auto up =
        std::ranges::count_if(targets, [](const Shown* target) { return target->health == "up"; });
    const auto count = answer.dropped_counts.find(job);
    out += fmt::format("job {}: {} of {} up{}\n", job, up, targets.size(),
                       count == answer.dropped_counts.end() || count->second == "0"
                           ? ""
                           : fmt::format(", {} dropped", count->second));
    for (const Shown* target : targets) {
      out += show_active(*target);
    }
    for (const Shown& target : answer.dropped) {
      if (dropped && target.pool == job) {
        out += fmt::format("  dropped  discovered: {}\n", target.discovered);
      }
    }
  }
  return out.empty() ? "no targets\n" : out;
}

int targets(const TargetsOptions& options, std::ostream& out, std::ostream& err) {
  std::string url = options.admin;
  if (url.find("://") == std::string::npos) {
    url.insert(0, "http://");
  }
  while (url.ends_with('/')) {
    url.pop_back();
  }
  url += "/api/v1/targets";
  if (!options.job.empty()) {
    url += "?scrapePool=" + net::percent_encoded(options.job);
  }

  loop::UvLane lane(0, 1, loop::system_clock());
  MetricsRegistry registry;
  std::optional<CallResult> result;
  Body body;
  {
    net::HttpClient client(lane);
    HttpClientConfig direct;
    direct.proxy_from_environment = false;
    const auto channel = client.channel(direct, registry.scope(0, {}));
    Call call;
    call.method = "GET";
    call.url = url;
    call.timeout = kPatience;
    call.sink = &body;
    channel->call(call, [&](CallResult answer) {
      result = std::move(answer);
      lane.stop();
    });
    lane.run();
  }
  if (!result || !result->transport || result->status != 200) {
    err << fmt::format("{}: {}\n", url,
                       !result              ? "no answer"
                       : !result->transport ? result->transport.error().message
                                            : fmt::format("answered {}", result->status));
    return kFailed;
  }
  if (options.json) {
    out << body.text << "\n";
    return kOk;
  }
  const std::string text = show_targets(body.text, options.dropped);
  if (text.empty()) {
    err << url << ": this is not the answer of an agent\n";
    return kFailed;
  }
  out << text;
  return kOk;
}

}  // namespace tailrace::cli
