#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics_registry.h"
#include "net/http_client.h"
#include "testkit/http_calls.h"
#include "testkit/raw_server.h"
#include "testkit/uv_test_lane.h"

/// What the tests of the HTTP client share.
namespace tailrace::net {

using testkit::call_and_wait;
using testkit::post_call;
using testkit::RawConnection;
using testkit::RawServer;

/// A client with one channel, on a real lane.
struct Client {
  testkit::UvTestLane lane;
  MetricsRegistry metrics;
  HttpClient http{lane.lane()};
  std::unique_ptr<Channel> channel;

  explicit Client(const HttpClientConfig& config = {})
      : channel(http.channel(config, metrics.scope(0, {}))) {}

  CallResult post(const std::string& url, std::string_view body = "hello") {
    return call_and_wait(lane, *channel, post_call(url, body));
  }
  double metric(const std::string& name, const std::string& reason = {}) {
    for (const auto& family : metrics.read()) {
      for (const auto& sample : family.samples) {
        const bool is_it =
            reason.empty() || (!sample.labels.empty() && sample.labels.front().second == reason);
        if (family.name == name && is_it) {
          return sample.value;
        }
      }
    }
    return -1;
  }
};

/// Requests as the server saw them; any thread.
class Seen {
 public:
  void add(std::string request) {
    std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  std::vector<std::string> all() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::string operator[](size_t i) const {
    const auto requests = all();
    return i < requests.size() ? requests[i] : std::string();
  }
  size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
};

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Answers everything with `status`, keeping connections open.
inline std::function<void(RawConnection&)> always(int status, Seen* seen = nullptr,
                                                  std::string headers = {}, std::string body = {}) {
  return [=](RawConnection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      if (seen != nullptr) {
        seen->add(request);
      }
      connection.answer(status, headers, body);
    }
  };
}

}  // namespace tailrace::net
