#pragma once

#include <optional>
#include <string>
#include <utility>

#include "tailrace/channel.h"

#include "testkit/uv_test_lane.h"

namespace tailrace::testkit {

/// Makes a call and turns the lane until its answer is there.
inline CallResult call_and_wait(UvTestLane& lane, Channel& channel, const Call& call) {
  std::optional<CallResult> result;
  channel.call(call, [&result](CallResult answer) { result = std::move(answer); });
  if (!lane.run_until([&result] { return result.has_value(); })) {
    CallResult none;
    none.transport = fail(ErrorCode::internal, "the test's call never ended");
    return none;
  }
  return std::move(*result);
}

inline Call post_call(std::string url, std::string_view body) {
  Call call;
  call.url = std::move(url);
  call.body = body;
  return call;
}

}  // namespace tailrace::testkit
