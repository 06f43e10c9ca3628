#include <chrono>

#include <doctest/doctest.h>

#include "tailrace/grpc.h"

#include "plugins/common/otlp/service.h"
#include "plugins/outputs/otlp/answer.h"

using namespace tailrace;
using namespace std::chrono_literals;
using Kind = Answer::Kind;

namespace {

struct Case {
  int code = 0;
  std::optional<std::chrono::milliseconds> retry_delay = {};
  const char* message = "why";
  size_t parts = 1;
};

Answer read_case(const Case& given) {
  CallResult result;
  result.status = given.code;
  result.headers.emplace_back("grpc-message", given.message);
  result.headers.emplace_back(
      kGrpcStatusDetails,
      common::otlp::encode_status(
          {.code = given.code, .message = given.message, .retry_delay = given.retry_delay}));
  return outputs::otlp::read_grpc_answer(result, {.records = 10, .parts = given.parts});
}

}  // namespace

TEST_CASE("otlp answers over gRPC: what is tried again") {
  for (const int code : {grpc_code::kCancelled, grpc_code::kDeadlineExceeded, grpc_code::kAborted,
                         grpc_code::kOutOfRange, grpc_code::kUnavailable, grpc_code::kDataLoss}) {
    CAPTURE(code);
    CHECK(read_case({code}).kind == Kind::retry);
  }
  const Answer later = read_case({grpc_code::kUnavailable, 2500ms});
  CHECK(later.retry_after == 2500ms);
  CHECK(later.reason == "grpc_14");
  const Answer quota = read_case({grpc_code::kResourceExhausted, 1000ms});
  CHECK(quota.kind == Kind::retry);
  CHECK(quota.tenant_only);
}

TEST_CASE("otlp answers over gRPC: what is final") {
  for (const int code :
       {grpc_code::kUnknown, grpc_code::kNotFound, grpc_code::kPermissionDenied,
        grpc_code::kResourceExhausted, grpc_code::kFailedPrecondition, grpc_code::kUnimplemented,
        grpc_code::kInternal, grpc_code::kUnauthenticated, grpc_code::kInvalidArgument, 99}) {
    CAPTURE(code);
    CHECK(read_case({code}).kind == Kind::refused);
  }
}

TEST_CASE("otlp answers over gRPC: smaller, or one by one") {
  CHECK(read_case({grpc_code::kInvalidArgument, {}, "bad", 2}).kind == Kind::blame_source);
  const char* const limit = "Received message larger than max (5 vs. 4)";
  CHECK(read_case({grpc_code::kResourceExhausted, {}, limit}).kind == Kind::too_large);
}

TEST_CASE("otlp answers over gRPC: success, partial success, and none") {
  CallResult result;
  CHECK(outputs::otlp::read_grpc_answer(result, {.records = 10}).kind == Kind::delivered);
  result.body = common::otlp::encode_response({.rejected = 3, .message = "old"});
  const Answer partly = outputs::otlp::read_grpc_answer(result, {.records = 10});
  CHECK(partly.kind == Kind::partly);
  CHECK(partly.refused == 3);
  result.transport = fail(ErrorCode::network, "refused");
  CHECK(outputs::otlp::read_grpc_answer(result, {}).kind == Kind::retry);
}
