#include "net/response_cache.h"

#include <ctime>

#include <fmt/chrono.h>

#include "codec/header_text.h"

namespace tailrace::net {

namespace {

MHD_Response* make_response(const Headers& headers, const std::string& body,
                            bool closes_connection) {
  MHD_Response* response = MHD_create_response_from_buffer(
      body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_PERSISTENT);
  if (response == nullptr) {
    return nullptr;
  }
  for (const auto& [name, value] : headers) {
    const std::string lower_name = codec::lower_case(name);
    if (lower_name != "content-length" && lower_name != "connection") {
      MHD_add_response_header(response, name.c_str(), value.c_str());
    }
  }
  if (closes_connection) {
    MHD_add_response_header(response, "Connection", "close");
  }
  return response;
}

}  // namespace

ResponseCache::~ResponseCache() {
  if (last_ != nullptr) {
    MHD_destroy_response(last_);
  }
}

bool ResponseCache::answer(MHD_Connection* connection, int status, const Headers& headers,
                           const std::string& body, bool closes_connection) {
  const auto queue = [&](MHD_Response* response) {
    return response != nullptr &&
           MHD_queue_response(connection, static_cast<unsigned>(status), response) == MHD_YES;
  };
  if (!body.empty()) {
    MHD_Response* response = make_response(headers, body, closes_connection);
    const bool queued = queue(response);
    if (response != nullptr) {
      MHD_destroy_response(response);
    }
    return queued;
  }
  const int64_t second = clock_.wall_ns() / 1'000'000'000;
  if (last_ == nullptr || second_ != second || closes_connection_ != closes_connection ||
      headers_ != headers) {
    if (last_ != nullptr) {
      MHD_destroy_response(last_);  // lives on in those that are being answered by it
    }
    static const std::string nothing;
    last_ = make_response(headers, nothing, closes_connection);
    if (last_ != nullptr) {
      // RFC 9110, 6.6.1. libmicrohttpd would print it for each answer.
      MHD_add_response_header(
          last_, "Date",
          fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(static_cast<time_t>(second)))
              .c_str());
    }
    headers_ = headers;
    closes_connection_ = closes_connection;
    second_ = second;
  }
  return queue(last_);
}

}  // namespace tailrace::net
