#include "tailrace/url.h"

#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace {

namespace {

struct CurlUrlDelete {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, CurlUrlDelete>;

/// A part of the URL as text; "" when it has none.
std::string part(const CurlUrl& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) {
    return {};
  }
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool has_blank_or_control(std::string_view text) {
  for (const unsigned char c : text) {
    if (c <= ' ' || c == 0x7f) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.empty()) {
    return fail(ErrorCode::invalid, "the URL is empty");
  }
  if (has_blank_or_control(text)) {
    return fail(ErrorCode::invalid, "the URL contains a blank or a control character");
  }
  if (text.find("://") == std::string_view::npos) {
    return fail(ErrorCode::invalid, fmt::format("expected a URL with http:// or https:// in front, "
                                                "such as http://host:3100/path, got \"{}\"",
                                                text));
  }
  const CurlUrl parsed(curl_url());
  const std::string copy(text);
  // An unknown scheme is let through here so that the message below can name it.
  const CURLUcode code =
      curl_url_set(parsed.get(), CURLUPART_URL, copy.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    return fail(ErrorCode::invalid, fmt::format("not a URL: {}", curl_url_strerror(code)));
  }
  Url url;
  url.scheme = part(parsed, CURLUPART_SCHEME);
  if (url.scheme != "http" && url.scheme != "https") {
    return fail(ErrorCode::invalid,
                fmt::format("expected http:// or https://, got \"{}://\"", url.scheme));
  }
  if (!part(parsed, CURLUPART_USER).empty() || !part(parsed, CURLUPART_PASSWORD).empty()) {
    return fail(ErrorCode::invalid,
                "credentials do not belong into a URL, which is printed: use basic_auth");
  }
  url.host = codec::lower_case(part(parsed, CURLUPART_HOST));
  if (url.host.empty()) {
    return fail(ErrorCode::invalid, "the URL has no host");
  }
  if (url.host.front() == '[' && url.host.back() == ']') {
    url.host = url.host.substr(1, url.host.size() - 2);
  }
  const std::string port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  unsigned long number = 0;
  for (const char c : port) {
    number = number * 10 + static_cast<unsigned long>(c - '0');
  }
  if (number == 0 || number > 65535) {
    return fail(ErrorCode::invalid, fmt::format("no such port: {}", port));
  }
  url.port = static_cast<uint16_t>(number);
  url.path = part(parsed, CURLUPART_PATH);
  url.query = part(parsed, CURLUPART_QUERY);
  return url;
}

std::string to_string(const Url& url) {
  const bool is_v6 = url.host.find(':') != std::string::npos;
  std::string text = url.scheme + "://";
  text += is_v6 ? "[" + url.host + "]" : url.host;
  if (url.port != (url.scheme == "https" ? 443 : 80)) {
    text += fmt::format(":{}", url.port);
  }
  text += url.path;
  if (!url.query.empty()) {
    text += "?" + url.query;
  }
  return text;
}

}  // namespace tailrace
