#include "net/http_client.h"

#include <mutex>
#include <utility>

#include "tailrace/check.h"

#include "net/http_channel.h"
#include "net/process.h"

namespace tailrace::net {

namespace {

// A handle holds buffers of some 20 KiB after its first transfer.
constexpr size_t kSpareHandles = 8;
constexpr size_t kSpareGunzips = 4;

void set_up_curl() {
  static std::once_flag once;
  std::call_once(once, [] { TR_CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK); });
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
  while (!running_.empty()) {
    CURL* handle = running_.begin()->first;
    stop(handle);
    curl_easy_cleanup(handle);
  }
  for (CURL* handle : spare_) {
    curl_easy_cleanup(handle);
  }
  curl_multi_cleanup(multi_);  // closes idle connections; may still call on_socket
}

std::unique_ptr<Channel> HttpClient::channel(const HttpClientConfig& config, Metrics& metrics) {
  return std::make_unique<HttpChannel>(*this, config, metrics);
}

CURL* HttpClient::take_handle() {
  if (!spare_.empty()) {
    CURL* handle = spare_.back();
    spare_.pop_back();
    return handle;
  }
  CURL* handle = curl_easy_init();
  TR_CHECK(handle != nullptr);
  return handle;
}

void HttpClient::give_back(CURL* handle) {
  if (spare_.size() >= kSpareHandles) {
    curl_easy_cleanup(handle);
    return;
  }
  curl_easy_reset(handle);
  // Setting its size (to the default) frees the buffer that the last body was sent from.
  curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 64L * 1024);
  spare_.push_back(handle);
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

void HttpClient::start(CURL* handle, Done done) {
  running_[handle] = std::move(done);
  TR_CHECK(curl_multi_add_handle(multi_, handle) == CURLM_OK);
}

void HttpClient::stop(CURL* handle) {
  if (running_.erase(handle) > 0) {
    curl_multi_remove_handle(multi_, handle);
  }
}

int HttpClient::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& client = *static_cast<HttpClient*>(self);
  if (what == CURL_POLL_REMOVE) {
    client.watches_.erase(socket);
    return 0;
  }
  std::unique_ptr<FdWatch>& watch = client.watches_[socket];
  if (!watch) {
    watch = client.lane_.watch_fd(socket, [&client, socket](bool readable, bool writable) {
      client.act(socket, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
    });
  }
  watch->set_events((what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
  return 0;
}

int HttpClient::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& client = *static_cast<HttpClient*>(self);
  if (timeout_ms < 0) {
    client.timer_->stop();
  } else {
    client.timer_->start(std::chrono::milliseconds(timeout_ms));
  }
  return 0;
}

void HttpClient::act(curl_socket_t socket, int events) {
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
  const auto found = running_.find(handle);
  if (found != running_.end()) {
    const Done done = std::move(found->second);
    running_.erase(found);
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
