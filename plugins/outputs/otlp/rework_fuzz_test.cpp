// Random requests, taken apart again and again, and damaged ones.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/otlp_samples_test.h"
#include "plugins/common/otlp/request_maker_test.h"
#include "plugins/outputs/otlp/request_body.h"
#include "plugins/outputs/otlp/rework.h"
#include "plugins/outputs/otlp/signals.h"

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::outputs::otlp;       // NOLINT: likewise
using namespace tailrace::common::otlp::test;  // NOLINT: likewise

namespace {

struct MadeRequest {
  Signal signal = Signal::traces;
  uint32_t version = 0;
  std::string payload;
  std::vector<PartRange> parts;

  SealedView view() const {
    return {
        .payload = payload, .tenant = tenant_of(signal), .format_version = version, .parts = parts};
  }
};

/// A request of a few sources; each has some records that were found good.
MadeRequest make_request(RequestMaker& maker, Signal signal, BodyCompression compression) {
  ExportBody body(std::make_shared<BodyMemory>(compression));
  std::vector<Weight> weights;
  common::otlp::RequestChecker checker;
  for (const size_t parts = 1 + maker.below(3); weights.size() < parts;) {
    maker.make(signal);
    REQUIRE(checker.check(signal, maker.protobuf));
    Weight weight;
    std::vector<std::string> kept;
    size_t bound = 0;
    for (const auto& resource : checker.resources()) {
      std::string& good = kept.emplace_back();
      common::otlp::append_without_refused(signal, resource.message, good);
      weight += {resource.records - resource.refused, good.size()};
      bound += ExportBody::bound(good);
    }
    if (weight.records == 0) {
      continue;
    }
    body.begin_part(bound);
    for (const std::string& resource : kept) {
      if (!resource.empty()) {
        body.add(resource);
      }
    }
    weights.push_back(weight);
  }
  MadeRequest made{.signal = signal, .version = static_cast<uint32_t>(compression)};
  made.parts.resize(weights.size());
  made.payload = std::string(body.seal(made.parts).view());
  for (size_t i = 0; i < weights.size(); ++i) {
    made.parts[i].weight = weights[i];
  }
  return made;
}

/// Nothing is lost and nothing is there twice; gives the pieces as requests.
std::vector<MadeRequest> check_pieces(const MadeRequest& whole, const Rework& rework) {
  std::vector<Weight> weights(whole.parts.size());
  std::vector<MadeRequest> pieces;
  for (const ReworkedBody& body : rework.bodies) {
    MadeRequest& piece = pieces.emplace_back();
    piece.signal = whole.signal;
    piece.version = body.format_version;
    piece.payload = std::string(body.payload.view());
    piece.parts = body.parts;
    REQUIRE(body.parts.size() == body.origin.size());
    for (size_t i = 0; i < body.parts.size(); ++i) {
      REQUIRE(body.origin[i] < weights.size());
      weights[body.origin[i]] += body.parts[i].weight;
    }
  }
  for (const auto& refused : rework.refused) {
    REQUIRE(refused.origin < weights.size());
    weights[refused.origin] += refused.weight;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    CHECK((weights[i] == whole.parts[i].weight));
  }
  return pieces;
}

uint64_t records_in(const MadeRequest& request) {
  common::otlp::RequestChecker checker;
  REQUIRE(checker.check(request.signal, uncompressed(request.payload)));
  CHECK(checker.refused() == 0);
  return checker.records();
}

std::vector<std::string> sorted_records(const MadeRequest& request) {
  auto records = records_of(request.signal, uncompressed(request.payload));
  std::ranges::sort(records);
  return records;
}

constexpr Signal kAllSignals[] = {Signal::traces, Signal::logs, Signal::metrics};
constexpr BodyCompression kAllCompressions[] = {BodyCompression::none, BodyCompression::gzip,
                                                BodyCompression::zstd};

}  // namespace

TEST_CASE("rework_export: any request comes apart into its records, each of them once") {
  RequestMaker maker(21);
  for (int i = 0; i < 60; ++i) {
    INFO("request " << i);
    const Signal signal = kAllSignals[i % 3];
    const MadeRequest whole = make_request(maker, signal, kAllCompressions[i / 3 % 3]);
    const auto all = sorted_records(whole);
    std::vector<MadeRequest> left;
    left.push_back(whole);
    std::vector<std::string> alone;
    for (int steps = 0; !left.empty(); ++steps) {
      REQUIRE(steps < 10'000);
      const MadeRequest request = std::move(left.back());
      left.pop_back();
      const auto made =
          rework_export(request.view(), steps == 0 && i % 2 == 0 ? ReworkReason::blame_source
                                                                 : ReworkReason::too_large);
      REQUIRE(made);
      auto pieces = check_pieces(request, *made);
      if (!made->refused.empty()) {
        CHECK(records_in(request) == 1);
        CHECK(pieces.empty());
        for (std::string& record : sorted_records(request)) {
          alone.push_back(std::move(record));
        }
      }
      for (MadeRequest& piece : pieces) {
        uint64_t weight = 0;
        for (const PartRange& part : piece.parts) {
          weight += part.weight.records;
        }
        CHECK(records_in(piece) == weight);
        left.push_back(std::move(piece));
      }
    }
    std::ranges::sort(alone);
    CHECK((alone == all));
  }
}

TEST_CASE("rework_export: damage gives an error, or what adds up") {
  RequestMaker maker(22);
  std::mt19937 random(22);
  int errors = 0;
  for (int i = 0; i < 900; ++i) {
    INFO("request " << i);
    MadeRequest request = make_request(maker, kAllSignals[i % 3], kAllCompressions[i / 3 % 3]);
    for (size_t damage = 1 + maker.below(3); damage > 0; --damage) {
      PartRange& part = request.parts[maker.below(request.parts.size())];
      switch (maker.below(8)) {
        case 0:
          part.offset = static_cast<uint32_t>(random());
          break;
        case 1:
          part.length = static_cast<uint32_t>(maker.below(2'000));
          break;
        case 2:
          part.weight.records = maker.below(3);
          break;
        case 3:
          request.version = static_cast<uint32_t>(maker.below(6));
          break;
        default:
          request.payload[maker.below(request.payload.size())] = static_cast<char>(random());
      }
    }
    for (const auto reason :
         {ReworkReason::too_large, ReworkReason::blame_source, ReworkReason::unknown_format}) {
      const auto made = rework_export(request.view(), reason);
      if (made) {
        check_pieces(request, *made);
      } else {
        ++errors;
      }
    }
  }
  CHECK(errors > 50);
}
