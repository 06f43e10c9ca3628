// Random requests, well made and damaged, against what is known of them.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/padded_bytes.h"
#include "plugins/common/otlp/json_request.h"
#include "plugins/common/otlp/proto_of_test.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/otlp/request_maker_test.h"

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp;        // NOLINT: likewise
using namespace tailrace::common::otlp::test;  // NOLINT: likewise

namespace {

constexpr Signal kAllSignals[] = {Signal::traces, Signal::logs, Signal::metrics};

/// What holds of any body that is taken.
void check_taken(Signal signal, const RequestChecker& checker) {
  uint64_t records = 0;
  uint64_t refused = 0;
  for (const CheckedResource& resource : checker.resources()) {
    records += resource.records;
    refused += resource.refused;
    std::string kept;
    append_without_refused(signal, resource.message, kept);
    CHECK(kept.empty() == (resource.records == resource.refused));
    RequestChecker again;
    REQUIRE(again.check(signal, request_of_resources({Proto(kept)}).bytes()));
    CHECK(again.records() == resource.records - resource.refused);
    CHECK(again.refused() == 0);
  }
  CHECK(records == checker.records());
  CHECK(refused == checker.refused());
}

}  // namespace

TEST_CASE("OTLP requests: whatever is well made is taken, and counted right") {
  RequestMaker maker(1);
  RequestChecker checker;
  uint64_t refused = 0;
  for (int i = 0; i < 1'500; ++i) {
    const Signal signal = kAllSignals[i % 3];
    maker.make(signal);
    const Status status = checker.check(signal, maker.protobuf);
    INFO("request " << i << ": " << (status ? "" : status.error().message));
    REQUIRE(status);
    CHECK(checker.records() == maker.records);
    CHECK(checker.refused() == maker.refused);
    check_taken(signal, checker);
    refused += maker.refused;
  }
  CHECK(refused > 0);
}

TEST_CASE("OTLP requests: JSON gives the bytes that protobuf has") {
  RequestMaker maker(2);
  JsonRequestReader reader;
  codec::GrowingBuffer out;
  int compared = 0;
  for (int i = 0; i < 1'500; ++i) {
    const Signal signal = kAllSignals[i % 3];
    maker.make(signal);
    const auto padded = codec::PaddedBytes::copy_of(maker.json);
    const Status status = reader.convert(signal, padded.view(), 1 << 24, out);
    INFO("request " << i << ": " << (status ? "" : status.error().message) << "\n" << maker.json);
    REQUIRE(status);
    if (!maker.has_unknown) {
      REQUIRE((out.view(0, out.size()) == maker.protobuf));
      ++compared;
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("OTLP requests: damage is found, and what is left of the structure adds up") {
  RequestMaker maker(3);
  std::mt19937 random(3);
  RequestChecker checker;
  JsonRequestReader reader;
  codec::GrowingBuffer out;
  int found = 0;
  for (int i = 0; i < 6'000; ++i) {
    const Signal signal = kAllSignals[i % 3];
    maker.make(signal, i % 2 == 0 ? 3 : 0);
    std::string body = maker.protobuf;
    std::string json = maker.json;
    if (i % 2 != 0) {  // the structure is whole: bytes of it are not
      for (size_t changes = 1 + maker.below(3); changes > 0 && !body.empty(); --changes) {
        body[maker.below(body.size())] = static_cast<char>(random());
        json[maker.below(json.size())] = "{}[]\",:0159eE-.\\ntx"[maker.below(19)];
      }
      body.resize(body.size() - std::min(body.size(), maker.below(3)));
    }
    INFO("request " << i);
    // In memory of its own size, so that the sanitizers see every byte too many.
    const std::vector<char> exact(body.begin(), body.end());
    if (checker.check(signal, {exact.data(), exact.size()})) {
      CHECK((i % 2 != 0 || !maker.must_fail));
      check_taken(signal, checker);
    } else {
      CHECK((i % 2 != 0 || maker.must_fail || maker.may_fail));
      ++found;
    }
    const auto padded = codec::PaddedBytes::copy_of(json);
    if (reader.convert(signal, padded.view(), 1 << 24, out)) {
      CHECK(checker.check(signal, out.view(0, out.size())));
    }
  }
  CHECK(found > 500);
}
