#include "plugins/outputs/otlp/answer.h"

#include <doctest/doctest.h>

#include "plugins/common/otlp/service.h"
#include "testkit/fake_net.h"

using namespace tailrace;                 // NOLINT(google-build-using-namespace): a test
using namespace tailrace::outputs::otlp;  // NOLINT: likewise
using Kind = Answer::Kind;
using testkit::FakeServer;

namespace {

Answer read(int status, std::string body = {}, Headers headers = {}, size_t parts = 1) {
  return read_http_answer(FakeServer::status(status, std::move(body), std::move(headers)),
                          {.records = 10, .parts = parts, .wall_ns = 0});
}
const Headers kProtobuf = {{"content-type", "application/x-protobuf"}};

}  // namespace

TEST_CASE("otlp answer: only the specification's four are tried again") {
  for (int status = 300; status < 600; ++status) {
    CAPTURE(status);
    const bool again = status == 429 || status == 502 || status == 503 || status == 504;
    CHECK((read(status).kind == Kind::retry) == again);
  }
  const Answer later = read(503, "", {{"retry-after", "7"}});
  CHECK(later.retry_after == std::chrono::seconds(7));
  CHECK_FALSE(later.tenant_only);
  CHECK(read(429).tenant_only);
}

TEST_CASE("otlp answer: partial success is final") {
  const auto partial = [](uint64_t rejected, std::string message) {
    return read(200, common::otlp::encode_response({rejected, std::move(message)}), kProtobuf);
  };
  CHECK(partial(3, "old").kind == Kind::partly);
  CHECK(partial(3, "old").refused == 3);
  CHECK(partial(3, "old").detail == "old");
  CHECK(partial(30, "more than there were").refused == 10);
  CHECK(partial(0, "warning").kind == Kind::delivered);
  CHECK(partial(0, "warning").detail == "warning");
  CHECK(read(200, "no protobuf", kProtobuf).kind == Kind::delivered);
}

TEST_CASE("otlp answer: what a merged request is refused for is looked for by source") {
  CHECK(read(400, "", {}, 2).kind == Kind::blame_source);
  CHECK(read(400, "", {}, 1).kind == Kind::refused);
  CHECK(read(401, "", {}, 2).kind == Kind::refused);
  CHECK(read(413).kind == Kind::too_large);
}

TEST_CASE("otlp answer: the server's words are found in its status") {
  const Answer refused =
      read(400, common::otlp::encode_status({3, "trace id is too short"}), kProtobuf);
  CHECK(refused.reason == "http_400");
  CHECK(refused.detail == "400 trace id is too short");
  CHECK(read(400, "plain\ntext").detail == "400 plain text");
  CHECK(read(429).detail == "429");
}

TEST_CASE("otlp answer: a server of the other protocol is named") {
  CallResult to_grpc;
  to_grpc.transport = fail(ErrorCode::network, "Received HTTP/0.9 when not allowed");
  const Answer http = read_http_answer(to_grpc, {});
  CHECK(http.kind == Kind::retry);
  CHECK(http.detail ==
        "Received HTTP/0.9 when not allowed (if this is a gRPC server: `protocol: grpc`)");
  CallResult to_http;
  to_http.transport = fail(ErrorCode::network, "UNAVAILABLE: Failed parsing HTTP/2");
  CHECK(read_grpc_answer(to_http, {}).detail.ends_with("HTTP server: `protocol: http`)"));
  to_http.transport = fail(ErrorCode::network, "connection refused");
  CHECK(read_grpc_answer(to_http, {}).detail == "connection refused");
}
