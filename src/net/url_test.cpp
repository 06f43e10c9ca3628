#include "tailrace/url.h"

#include <doctest/doctest.h>

using tailrace::parse_url;

TEST_CASE("Url: parts of a full URL") {
  const auto url = parse_url("https://Logs.Example.com:8443/loki/api/v1/push?a=b%20c&d");
  REQUIRE(url.has_value());
  CHECK(url->scheme == "https");
  CHECK(url->host == "logs.example.com");
  CHECK(url->port == 8443);
  CHECK(url->path == "/loki/api/v1/push");
  CHECK(url->query == "a=b%20c&d");
  CHECK(to_string(*url) == "https://logs.example.com:8443/loki/api/v1/push?a=b%20c&d");
}

TEST_CASE("Url: defaults") {
  const auto plain = parse_url("http://loki");
  REQUIRE(plain.has_value());
  CHECK(plain->port == 80);
  CHECK(plain->path == "/");
  CHECK(to_string(*plain) == "http://loki/");
  CHECK(parse_url("https://loki")->port == 443);
}

TEST_CASE("Url: IPv6 addresses lose their brackets and get them back") {
  const auto url = parse_url("http://[::1]:3100/x");
  REQUIRE(url.has_value());
  CHECK(url->host == "::1");
  CHECK(url->port == 3100);
  CHECK(to_string(*url) == "http://[::1]:3100/x");
}

TEST_CASE("Url: what is refused, and why") {
  const auto complaint = [](std::string_view text) {
    const auto url = parse_url(text);
    REQUIRE_FALSE(url.has_value());
    CHECK(url.error().code == tailrace::ErrorCode::invalid);
    return url.error().message;
  };
  CHECK(complaint("").find("empty") != std::string::npos);
  CHECK(complaint("loki:3100/push").find("http:// or https:// in front") != std::string::npos);
  CHECK(complaint("grpc://loki:3100").find("\"grpc://\"") != std::string::npos);
  CHECK(complaint("http://user:pass@loki/").find("basic_auth") != std::string::npos);
  CHECK(complaint("http://lo ki/").find("blank") != std::string::npos);
  CHECK(complaint("http://loki/\r\nx: y").find("control") != std::string::npos);
  CHECK(complaint("http://:80/").find("URL") != std::string::npos);
  complaint("http://loki:99999/");
  complaint("http://loki:0/");
  complaint("http://loki:port/");
  complaint("http://[::1/");
}
