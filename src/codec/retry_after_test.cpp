#include "codec/retry_after.h"

#include <doctest/doctest.h>

using namespace tailrace::codec;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;

TEST_CASE("parse_http_date: RFC 9110's example, and what is no date") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  for (const char* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 ovD 1994 08:49:37 GMT",
                           "Sun, x6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:3- GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_http_date(text));
  }
}

TEST_CASE("parse_retry_after: seconds, dates, and nonsense") {
  const int64_t now_ns = 784111777'500'000'000;  // half a second after the date below
  CHECK(parse_retry_after("0", now_ns) == milliseconds(0));
  CHECK(parse_retry_after(" 120 ", now_ns) == milliseconds(120000));
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now_ns) == milliseconds(0));
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now_ns) == milliseconds(9500));
  CHECK(parse_retry_after("86400", now_ns) == milliseconds(3600000));
  CHECK(parse_retry_after("99999999999999999999999", now_ns) == milliseconds(3600000));
  CHECK(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now_ns) == milliseconds(3600000));
  CHECK_FALSE(parse_retry_after("", now_ns));
  CHECK_FALSE(parse_retry_after("soon", now_ns));
  CHECK_FALSE(parse_retry_after("-5", now_ns));
  CHECK_FALSE(parse_retry_after("1.5", now_ns));
}
