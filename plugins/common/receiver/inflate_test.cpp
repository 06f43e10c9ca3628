#include "plugins/common/receiver/inflate.h"

#include <doctest/doctest.h>

#include "testkit/http_clients.h"
#include "testkit/test_memory.h"

using namespace tailrace;
using namespace tailrace::common::receiver;
using testkit::TestMemory;

namespace {

constexpr uint64_t kMost = 10 << 20;

}  // namespace

TEST_CASE("inflate: a body is not refused because it was guessed too large") {
  const std::string text = testkit::noise(1, 100 << 10);
  const Bytes body = codec::gzip_compress(text);
  REQUIRE(body.size() > 70 << 10);  // what is packed better takes eight times its size
  TestMemory account(400 << 10);
  Reservation memory(account);
  const auto out = inflate(codec::Compression::gzip, body.view(), kMost, memory);
  REQUIRE(out);
  CHECK(out->view() == text);
  CHECK(account.used == memory.bytes());
}

TEST_CASE("inflate: what can never be unpacked is refused for good, what cannot be now is not") {
  const Bytes body = codec::gzip_compress(testkit::noise(1, 300 << 10));
  const auto code = [&](TestMemory account, uint64_t most) {
    Reservation memory(account);
    return inflate(codec::Compression::gzip, body.view(), most, memory).error();
  };
  const Error never = code(TestMemory(400 << 10), kMost);
  CHECK(never.code == ErrorCode::limit);
  CHECK(never.message.find("agent.memory_limit") != std::string::npos);
  CHECK(code(TestMemory(64 << 20, 63 << 20), kMost).code == ErrorCode::no_space);
  CHECK(code(TestMemory(64 << 20), 299 << 10).code == ErrorCode::limit);
  CHECK(code(TestMemory(10), kMost).code == ErrorCode::limit);
}
