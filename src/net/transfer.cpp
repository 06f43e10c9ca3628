#include "net/transfer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace::net {

namespace {

constexpr size_t kMaxAnswerBytes = 64 * 1024;
// So much more is read to keep the connection usable; a longer answer costs its connection.
constexpr size_t kMaxDiscardedBytes = 1024 * 1024;
constexpr size_t kMaxAnswerHeaders = 100;
// libcurl sends a body in pieces of this size, one in each turn of the loop; by itself 64 KiB.
constexpr size_t kLeastUploadBytes = 64 * 1024;
constexpr size_t kMaxUploadBytes = 512 * 1024;
// libcurl reads once per turn of the loop, so much at most. Its buffer lives as long as the
// transfer.
constexpr size_t kLeastBuffer = 16 * 1024;
constexpr size_t kMostBuffer = 128 * 1024;
constexpr size_t kMostHeaderBytes = 2 * 1024;  // of most answers

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

void append(curl_slist*& list, const std::string& line) {
  list = curl_slist_append(list, line.c_str());
}

ErrorCode error_code_of(CURLcode code, std::string_view text) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
      return ErrorCode::tls;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      // With TLS 1.3 a server refuses our certificate after the handshake: it shows only here.
      return text.find("alert") != std::string_view::npos ? ErrorCode::tls : ErrorCode::network;
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return ErrorCode::invalid;
    default:
      return ErrorCode::network;
  }
}

}  // namespace

Transfer::Transfer(HttpClient& client, TransferSpec spec, std::function<void(TransferResult)> done)
    : client_(client),
      spec_(std::move(spec)),
      done_(std::move(done)),
      easy_(client.take_handle(spec_.shape)),
      handle_(easy_->get()) {
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(handle_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(handle_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, this);
  set_route();
  set_limits();
  client_.start(*easy_, [this](CURLcode code) { finish(code); });
}

Transfer::~Transfer() {
  client_.stop(*easy_);
  // What was borrowed is forgotten; the handle keeps the rest for the next transfer of its shape.
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, nullptr);
  if (connect_to_list_ != nullptr) {
    curl_easy_setopt(handle_, CURLOPT_CONNECT_TO, nullptr);
    curl_slist_free_all(connect_to_list_);
  }
  if (resolve_list_ != nullptr) {
    curl_easy_setopt(handle_, CURLOPT_RESOLVE, nullptr);
    curl_slist_free_all(resolve_list_);
  }
  if (spec_.shape->has_body) {
    // Setting its size frees the buffer that the body was sent from.
    curl_easy_setopt(handle_, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kLeastUploadBytes));
  }
  client_.give_back(std::move(easy_));
  if (gunzip_) {
    client_.give_back(std::move(gunzip_));
  }
}

bool Transfer::is_connected() const {
  curl_off_t pretransfer_us = 0;
  curl_easy_getinfo(handle_, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
  return pretransfer_us > 0;
}

void Transfer::set_route() {
  const Url& url = spec_.to->url;
  const TransferShape& shape = *spec_.shape;
  const std::string& server_name = shape.tls->server_name;
  if (url.scheme == "https" && !server_name.empty() && server_name != url.host) {
    // libcurl takes name for SNI and certificate from the URL: so the URL gets the wanted name,
    // and the connection goes where the caller's URL says.
    append(connect_to_list_, fmt::format("{}:{}:{}:{}", bracketed(server_name), url.port,
                                         bracketed(url.host), url.port));
    curl_easy_setopt(handle_, CURLOPT_CONNECT_TO, connect_to_list_);
    Url named = url;
    named.host = server_name;
    curl_easy_setopt(handle_, CURLOPT_URL, to_string(named).c_str());
  } else {
    curl_easy_setopt(handle_, CURLOPT_URL, spec_.to->text.c_str());
  }
  if (spec_.addresses) {
    const bool by_proxy = !shape.proxy.url.empty();
    // '+' lets the entry grow old: what is not asked for any more does not stay for ever.
    std::string entry = fmt::format("+{}:{}:", by_proxy ? shape.proxy.host : url.host,
                                    by_proxy ? shape.proxy.port : url.port);
    for (const std::string& address : *spec_.addresses) {
      entry += (entry.back() == ':' ? "" : ",") + bracketed(address);
    }
    append(resolve_list_, entry);
    curl_easy_setopt(handle_, CURLOPT_RESOLVE, resolve_list_);
  }
}

void Transfer::set_limits() {
  if (spec_.shape->has_body) {
    // The size first: without it libcurl takes the body for text and looks for its end.
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(spec_.body.size()));
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, spec_.body.empty() ? "" : spec_.body.data());
    curl_easy_setopt(
        handle_, CURLOPT_UPLOAD_BUFFERSIZE,
        static_cast<long>(std::clamp(spec_.body.size(), kLeastUploadBytes, kMaxUploadBytes)));
  }
  curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(spec_.timeout.count()));
  // One read for all of an answer, headers included.
  curl_easy_setopt(handle_, CURLOPT_BUFFERSIZE,
                   static_cast<long>(std::clamp(spec_.expected_bytes + kMostHeaderBytes,
                                                kLeastBuffer, kMostBuffer)));
}

/// Decides, before its first byte, where the body goes. False: the sink does not want it.
bool Transfer::open_sink() {
  long status = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  if (spec_.sink == nullptr || status != 200) {
    body_ = Body::kept;
    return true;
  }
  body_ = Body::to_sink;
  for (const auto& [name, value] : result_.headers) {
    if (name == "content-encoding" && (value == "gzip" || value == "x-gzip")) {
      body_ = Body::to_sink_unzipped;
      gunzip_ = client_.take_gunzip();
    }
  }
  if (!spec_.sink->on_head(result_.headers)) {
    sink_status_ = fail(ErrorCode::cancelled, "the answer is not wanted");
  }
  return sink_status_.has_value();
}

bool Transfer::feed_sink(std::string_view bytes) {
  if (body_ == Body::to_sink_unzipped) {
    sink_status_ = gunzip_->push(
        bytes, [sink = spec_.sink](std::string_view text) { return sink->on_data(text); });
  } else if (!spec_.sink->on_data(bytes)) {
    sink_status_ = fail(ErrorCode::cancelled, "no more of the answer is wanted");
  }
  return sink_status_.has_value();
}

Status Transfer::failure(CURLcode code) {
  if (!sink_status_) {
    return sink_status_;
  }
  if (code == CURLE_OK && body_ == Body::unknown && !open_sink()) {
    return sink_status_;  // an empty body
  }
  if (code == CURLE_OK && body_ == Body::to_sink_unzipped) {
    return gunzip_->finish();
  }
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && has_enough_)) {
    return {};
  }
  const std::string_view text = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  result_.could_not_connect =
      !is_connected() && (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT);
  return fail(error_code_of(code, text), std::string(text));
}

void Transfer::finish(CURLcode code) {
  long connects = 0;
  curl_easy_getinfo(handle_, CURLINFO_NUM_CONNECTS, &connects);
  result_.opened_connection = connects > 0;
  result_.transport = failure(code);
  TransferResult result = std::move(result_);
  if (result.transport) {
    long status = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    result.status = static_cast<int>(status);
    char* redirect = nullptr;
    curl_easy_getinfo(handle_, CURLINFO_REDIRECT_URL, &redirect);
    result.redirect_url = redirect == nullptr ? "" : redirect;
  } else {
    result.headers.clear();
    result.body.clear();
  }
  const auto done = std::move(done_);
  done(std::move(result));  // may destroy this
}

/// libcurl reads on for as long as there is something to read. What a sink makes of it takes time,
/// and the lane has others to serve.
void Transfer::pause() {
  if (!resume_timer_) {
    resume_timer_ = client_.lane().timer([this] { client_.resume(handle_); });
  }
  resume_timer_->start(std::chrono::milliseconds(0));
}

size_t Transfer::on_header(char* data, size_t size, size_t count, void* self) {
  auto& result = static_cast<Transfer*>(self)->result_;
  std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    result.headers.clear();  // what came before were headers of a 1xx answer
    result.headers.reserve(8);
    return size * count;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || result.headers.size() >= kMaxAnswerHeaders) {
    return size * count;
  }
  std::string_view value = line.substr(colon + 1);
  const size_t first = value.find_first_not_of(" \t\r\n");
  const size_t last = value.find_last_not_of(" \t\r\n");
  value =
      first == std::string_view::npos ? std::string_view() : value.substr(first, last - first + 1);
  result.headers.emplace_back(codec::lower_case(line.substr(0, colon)), value);
  return size * count;
}

size_t Transfer::on_body(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const size_t bytes = size * count;
  if (transfer.body_ == Body::unknown && !transfer.open_sink()) {
    return 0;
  }
  if (transfer.body_ != Body::kept) {
    if (transfer.client_.turn_is_over()) {
      transfer.pause();
      return CURL_WRITEFUNC_PAUSE;
    }
    return transfer.feed_sink({data, bytes}) ? bytes : 0;
  }
  std::string& body = transfer.result_.body;
  const size_t kept = std::min(bytes, kMaxAnswerBytes - body.size());
  body.append(data, kept);
  transfer.discarded_ += bytes - kept;
  if (transfer.discarded_ > kMaxDiscardedBytes) {
    transfer.has_enough_ = true;
    return 0;
  }
  return bytes;
}

}  // namespace tailrace::net
