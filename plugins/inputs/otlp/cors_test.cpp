#include "plugins/inputs/otlp/cors.h"

#include <doctest/doctest.h>

using namespace tailrace;                // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::otlp;  // NOLINT: likewise

TEST_CASE("cors: origins by pattern") {
  CHECK(matches("*", ""));
  CHECK(matches("*", "https://a"));
  CHECK(matches("https://a", "https://a"));
  CHECK_FALSE(matches("https://a", "https://ab"));
  CHECK_FALSE(matches("https://ab", "https://a"));
  CHECK(matches("https://*.example.com", "https://shop.eu.example.com"));
  CHECK_FALSE(matches("https://*.example.com", "https://example.com.evil"));
  CHECK(matches("*a*b", "xaxbxb"));
  CHECK_FALSE(matches("*a*b", "xaxbxc"));
  CHECK_FALSE(matches("", "x"));
}

TEST_CASE("cors: preflight") {
  CorsConfig config;
  config.allowed_origins = {"https://shop"};
  HttpRequestHead head;
  head.method = "OPTIONS";
  CHECK_FALSE(preflight_headers(config, head));
  head.headers = {{"origin", "https://shop"}, {"access-control-request-method", "POST"}};
  REQUIRE(preflight_headers(config, head));
  CHECK(preflight_headers(config, head)->size() == 4);
  head.headers[0].second = "https://evil";
  CHECK(preflight_headers(config, head)->size() == 1);  // Vary
}
