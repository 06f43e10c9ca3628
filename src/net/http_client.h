#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <curl/curl.h>

#include "tailrace/channel.h"
#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/metrics.h"

#include "codec/gunzip_stream.h"
#include "net/destination.h"
#include "net/easy_handle.h"
#include "net/resolver.h"

namespace tailrace::net {

/// All HTTP requests of one lane: libcurl's multi handle driven by the lane's loop, with the
/// connections, name look-ups and TLS sessions that its channels share.
///
/// Lane:     the one given; made on the main thread before the lane runs.
/// Lifetime: outlives its channels.
class HttpClient {
 public:
  struct Limits {
    /// Connections kept open without a request on them, over all servers.
    long idle_connections = 100;
  };

  explicit HttpClient(Lane& lane) : HttpClient(lane, Limits{}) {}
  HttpClient(Lane& lane, Limits limits);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// A way to servers with these options. complaint(config) is empty, or every call fails with it.
  std::unique_ptr<Channel> channel(const HttpClientConfig& config, Metrics& metrics);

  // What follows is for the channels.

  Lane& lane() noexcept { return lane_; }
  Resolver& resolver() noexcept { return resolver_; }
  Destinations& destinations() noexcept { return destinations_; }
  /// A handle with what this shape sets, and nothing else; and back.
  std::unique_ptr<EasyHandle> take_handle(const std::shared_ptr<const TransferShape>& shape);
  void give_back(std::unique_ptr<EasyHandle> handle);
  /// Ready for a new text, and back.
  std::unique_ptr<codec::GunzipStream> take_gunzip();
  void give_back(std::unique_ptr<codec::GunzipStream> gunzip);
  /// So many more idle connections are worth keeping (or fewer).
  void keep_more_connections(long more);
  /// Runs the prepared transfer. `done` runs once, from the loop, after libcurl has let go of the
  /// handle; not after stop().
  void start(EasyHandle& handle, std::function<void(CURLcode)> done);
  /// An answer that keeps coming has had its share of the lane's turn.
  bool turn_is_over() const noexcept {
    return lane_.clock().monotonic_ns() - turn_began_ns_ > kTurnNs;
  }
  /// Goes on with a transfer that has paused itself, in a turn of its own.
  void resume(CURL* handle);
  void stop(EasyHandle& handle);

 private:
  static int on_socket(CURL* handle, curl_socket_t socket, int what, void* self, void*);
  static int on_close(void* self, curl_socket_t socket);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);
  void act_soon();
  void act(curl_socket_t socket, int events);
  void collect();
  void finish(CURL* handle, CURLcode code);
  static constexpr int64_t kTurnNs = 10'000'000;

  Lane& lane_;
  Resolver resolver_;
  Destinations destinations_;
  long idle_connections_;
  CURLM* multi_;
  std::unique_ptr<Timer> timer_;
  bool acts_soon_ = false;
  int64_t turn_began_ns_ = 0;
  /// Of a connection that waits for its next request the watch stays: to end it and to begin it
  /// again takes half a dozen system calls.
  struct Watch {
    std::unique_ptr<FdWatch> watch;
    int wanted = 0;  // CURL_POLL_IN, _OUT or _INOUT; 0: by nobody at the moment
  };
  std::unordered_map<curl_socket_t, Watch> watches_;
  size_t running_ = 0;
  std::vector<std::unique_ptr<EasyHandle>> spare_;
  std::vector<std::unique_ptr<codec::GunzipStream>> spare_gunzips_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tailrace::net
