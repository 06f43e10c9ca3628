#include "net/http_client.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include <unistd.h>

#include "tailrace/bytes.h"
#include "tailrace/check.h"

#include "net/http_channel.h"
#include "net/process.h"

namespace tailrace::net {

namespace {

// A handle takes some 8 KiB after its first transfer. Those of one turn of scrapes should find one.
constexpr size_t kSpareHandles = 16;
constexpr size_t kSpareGunzips = 4;

void set_up_curl() {
  static std::once_flag once;
  // Its buffers come and go with every transfer.
  std::call_once(once, [] {
    TR_CHECK(curl_global_init_mem(CURL_GLOBAL_ALL, &allocate_bytes, &free_bytes, &std::realloc,
                                  &::strdup, &std::calloc) == CURLE_OK);
  });
}

}  // namespace

HttpClient::HttpClient(Lane& lane, Limits limits)
    : lane_(lane), resolver_(lane), idle_connections_(limits.idle_connections) {
  set_up_curl();
  ignore_sigpipe();
  multi_ = curl_multi_init();
  TR_CHECK(multi_ != nullptr);
  timer_ = lane_.timer([this] { act(CURL_SOCKET_TIMEOUT, 0); });
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpClient::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpClient::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, idle_connections_);
}

HttpClient::~HttpClient() {
  TR_ASSERT(running_ == 0);
  spare_.clear();
  curl_multi_cleanup(multi_);  // closes idle connections; may still call on_socket
}

std::unique_ptr<Channel> HttpClient::channel(const HttpClientConfig& config, Metrics& metrics) {
  return std::make_unique<HttpChannel>(*this, config, metrics);
}

std::unique_ptr<EasyHandle> HttpClient::take_handle(
    const std::shared_ptr<const TransferShape>& shape) {
  std::unique_ptr<EasyHandle> handle;
  // The last one first: it is likely to be in the cache.
  const auto found = std::ranges::find_if(spare_.rbegin(), spare_.rend(), [&](const auto& spare) {
    return spare->shape() == shape.get();
  });
  if (found != spare_.rend()) {
    handle = std::move(*found);
    spare_.erase(std::next(found).base());
    return handle;
  }
  if (spare_.size() < kSpareHandles) {
    handle = std::make_unique<EasyHandle>(&HttpClient::on_close, this);
  } else {
    handle = std::move(spare_.front());
    spare_.erase(spare_.begin());
  }
  handle->prepare(shape);
  return handle;
}

void HttpClient::give_back(std::unique_ptr<EasyHandle> handle) {
  if (spare_.size() < kSpareHandles) {
    spare_.push_back(std::move(handle));
  }
}

std::unique_ptr<codec::GunzipStream> HttpClient::take_gunzip() {
  if (spare_gunzips_.empty()) {
    return std::make_unique<codec::GunzipStream>();
  }
  auto gunzip = std::move(spare_gunzips_.back());
  spare_gunzips_.pop_back();
  gunzip->reset();
  return gunzip;
}

void HttpClient::give_back(std::unique_ptr<codec::GunzipStream> gunzip) {
  if (spare_gunzips_.size() < kSpareGunzips) {
    spare_gunzips_.push_back(std::move(gunzip));
  }
}

void HttpClient::keep_more_connections(long more) {
  idle_connections_ += more;
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, idle_connections_);
}

void HttpClient::start(EasyHandle& handle, std::function<void(CURLcode)> done) {
  handle.done = std::move(done);
  ++running_;
  TR_CHECK(curl_multi_add_handle(multi_, handle.get()) == CURLM_OK);
}

void HttpClient::stop(EasyHandle& handle) {
  if (std::exchange(handle.done, nullptr)) {
    --running_;
    curl_multi_remove_handle(multi_, handle.get());
  }
}

int HttpClient::on_socket(CURL* handle, curl_socket_t socket, int what, void* self, void*) {
  auto& client = *static_cast<HttpClient*>(self);
  if (what == CURL_POLL_REMOVE) {
    const auto found = client.watches_.find(socket);
    // libcurl tells of the end of a socket by on_close() only once the connection was made: one
    // that had an answer is.
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (found != client.watches_.end() && found->second.wanted == CURL_POLL_IN && status != 0) {
      found->second.wanted = 0;
    } else if (found != client.watches_.end()) {
      client.watches_.erase(found);
    }
    return 0;
  }
  Watch& watch = client.watches_[socket];
  if (!watch.watch) {
    watch.watch = client.lane_.watch_fd(socket, [&client, socket](bool readable, bool writable) {
      client.act(socket, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
    });
  }
  watch.wanted = what;
  watch.watch->set_events((what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
  return 0;
}

int HttpClient::on_close(void* self, curl_socket_t socket) {
  static_cast<HttpClient*>(self)->watches_.erase(socket);
  return close(socket);
}

int HttpClient::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& client = *static_cast<HttpClient*>(self);
  if (timeout_ms <= 0) {
    client.timer_->stop();
  } else {
    client.timer_->start(std::chrono::milliseconds(timeout_ms));
  }
  if (timeout_ms == 0) {
    client.act_soon();
  }
  return 0;
}

/// At once, but not from within libcurl. A timer would let the lane sleep for a millisecond before
/// a request that a timer has begun.
void HttpClient::act_soon() {
  if (!std::exchange(acts_soon_, true)) {
    lane_.at_end_of_turn([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) {
        acts_soon_ = false;
        act(CURL_SOCKET_TIMEOUT, 0);
      }
    });
  }
}

void HttpClient::act(curl_socket_t socket, int events) {
  if (const auto found = watches_.find(socket);
      found != watches_.end() && found->second.wanted == 0) {
    // The server has closed an idle connection. libcurl finds out when it would use it.
    found->second.watch->set_events(false, false);
    return;
  }
  int still_running = 0;
  turn_began_ns_ = lane_.clock().monotonic_ns();
  curl_multi_socket_action(multi_, socket, events, &still_running);
  collect();
}

void HttpClient::collect() {
  // One at a time: a callback may stop other transfers, which takes back their messages.
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    finish(message->easy_handle, message->data.result);
  }
}

void HttpClient::finish(CURL* handle, CURLcode code) {
  curl_multi_remove_handle(multi_, handle);
  void* easy = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (const auto done = std::exchange(static_cast<EasyHandle*>(easy)->done, nullptr)) {
    --running_;
    done(code);
  }
}

void HttpClient::resume(CURL* handle) {
  turn_began_ns_ = lane_.clock().monotonic_ns();
  // Hands over what it holds back; an error of that is told here and nowhere else.
  if (const CURLcode code = curl_easy_pause(handle, CURLPAUSE_CONT); code != CURLE_OK) {
    finish(handle, code);
    return;
  }
  collect();
}

}  // namespace tailrace::net
