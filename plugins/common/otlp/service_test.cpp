#include "plugins/common/otlp/service.h"

#include <doctest/doctest.h>

using namespace tailrace;                // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp;  // NOLINT: likewise
using namespace std::chrono_literals;    // NOLINT: likewise

TEST_CASE("otlp service: paths and methods name their signal") {
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    CHECK((signal_of(http_path(signal)) == signal));
    CHECK((signal_of(grpc_method(signal)) == signal));
  }
  CHECK(http_path(Signal::traces) == "/v1/traces");
  CHECK(!signal_of("/v1/trace"));
  CHECK(!signal_of(""));
}

TEST_CASE("otlp service: responses") {
  CHECK(encode_response({}).empty());
  CHECK(encode_response({3, "no"}) == "\x0a\x06\x08\x03\x12\x02no");
  const auto read = decode_response(encode_response({70'000, "why"}));
  REQUIRE(read);
  CHECK(read->rejected == 70'000);
  CHECK(read->message == "why");
  CHECK(decode_response("")->empty());
  CHECK(!decode_response("<html>"));
  CHECK(decode_response(std::string("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13))
            ->rejected == 0);  // -1
  CHECK(response_json(Signal::logs, {}) == R"({"partialSuccess":{}})");
  CHECK(response_json(Signal::logs, {2, "a\"b"}) ==
        R"({"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"a\"b"}})");
}

TEST_CASE("otlp service: statuses, and when to come again") {
  const auto read = decode_status(encode_status({8, "later", 1500ms}));
  REQUIRE(read);
  CHECK(read->code == 8);
  CHECK(read->message == "later");
  CHECK(read->retry_delay == 1500ms);
  CHECK(!decode_status(encode_status({8, "never"}))->retry_delay);
  CHECK(!decode_status("404 page not found"));
  CHECK(decode_status(encode_status({3, "\xff"}))->message == "\xef\xbf\xbd");
  CHECK(status_json({3, "bad \"id\""}) == R"({"code":3,"message":"bad \"id\""})");
  CHECK(rpc_code_of(400) == 3);
  CHECK(rpc_code_of(503) == 14);
}
