#include "plugins/outputs/loki/rework.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/outputs/loki/loki_test.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::loki::BodyCompression;
using outputs::loki::LokiConfig;
using outputs::loki::rework_push;
using outputs::loki::test::entries_of;
using outputs::loki::test::LokiBench;

namespace {

/// Two streams in three parts; the first stream's parts are the first and the third.
testkit::SealedRequest three_parts(BodyCompression compression = BodyCompression::snappy) {
  LokiBench bench(LokiConfig{.compression = compression});
  bench->append({{"app", "a"}}, {{.body = "a1", .timestamp = 1}, {.body = "a2", .timestamp = 2}});
  bench->append({{"app", "b"}}, {{.body = "b1", .timestamp = 3}});
  bench->append({{"app", "a"}}, {{.body = "a3", .timestamp = 4, .weight = {5, 50}}});
  auto sealed = bench->seal();
  REQUIRE(sealed.size() == 1);
  return std::move(sealed[0]);
}

testkit::SealedRequest one_part(std::vector<testkit::LogRecord> records) {
  LokiBench bench;
  bench->append({{"app", "a"}}, std::move(records));
  auto sealed = bench->seal();
  REQUIRE(sealed.size() == 1);
  return std::move(sealed[0]);
}

std::vector<std::string> lines_of(std::string_view payload) {
  std::vector<std::string> lines;
  for (const auto& entry : entries_of(payload)) {
    lines.push_back(entry.labels + " " + std::to_string(entry.timestamp) + " " + entry.line);
  }
  return lines;
}

/// What must hold of every rework: parts point at their own entries, and weights add up.
void check_whole(const testkit::SealedRequest& parent, const Rework& rework) {
  std::map<uint32_t, Weight> weights;
  for (const ReworkedBody& body : rework.bodies) {
    REQUIRE(body.parts.size() == body.origin.size());
    CHECK(body.format_version == parent.format_version);
    uint64_t length = 0;
    for (size_t i = 0; i < body.parts.size(); ++i) {
      weights[body.origin[i]] += body.parts[i].weight;
      length += body.parts[i].length;
    }
    CHECK(length > 0);
    // A rework of the rework finds its parts again.
    CHECK(rework_push({body.payload.view(), "", 1, body.parts, 0}, ReworkReason::blame_source,
                      BodyCompression::none));
  }
  for (const auto& refused : rework.refused) {
    weights[refused.origin] += refused.weight;
  }
  REQUIRE(weights.size() == parent.parts.size());
  for (uint32_t i = 0; i < parent.parts.size(); ++i) {
    CHECK(weights[i] == parent.parts[i].weight);
  }
}

}  // namespace

TEST_CASE("loki rework: too large is halved at a border of parts, in order") {
  for (const auto compression : {BodyCompression::snappy, BodyCompression::none}) {
    const auto request = three_parts(compression);
    const auto rework = rework_push(request.view(), ReworkReason::too_large, compression);
    REQUIRE(rework);
    check_whole(request, *rework);
    REQUIRE(rework->bodies.size() == 2);
    CHECK(lines_of(rework->bodies[0].payload.view()) ==
          std::vector<std::string>{R"({app="a"} 1 a1)", R"({app="a"} 2 a2)"});
    CHECK(lines_of(rework->bodies[1].payload.view()) ==
          std::vector<std::string>{R"({app="a"} 4 a3)", R"({app="b"} 3 b1)"});
    CHECK(rework->bodies[1].origin == std::vector<uint32_t>{2, 1});
  }
}

TEST_CASE("loki rework: a single part is halved between entries") {
  const auto request = one_part({{.body = "1", .timestamp = 1},
                                 {.body = "2", .timestamp = 2},
                                 {.body = std::string(100, 'x'), .timestamp = 3},
                                 {.body = "4", .timestamp = 4, .weight = {7, 700}}});
  const auto rework = rework_push(request.view(), ReworkReason::too_large, BodyCompression::none);
  REQUIRE(rework);
  check_whole(request, *rework);
  REQUIRE(rework->bodies.size() == 2);
  CHECK(entries_of(rework->bodies[0].payload.view()).size() == 3);
  CHECK(entries_of(rework->bodies[1].payload.view()).size() == 1);
  CHECK(rework->bodies[1].origin == std::vector<uint32_t>{0});
}

TEST_CASE("loki rework: one entry that is too large is refused alone") {
  const auto request = one_part({{.body = std::string(1000, 'x'), .weight = {3, 1003}}});
  const auto rework = rework_push(request.view(), ReworkReason::too_large, BodyCompression::snappy);
  REQUIRE(rework);
  check_whole(request, *rework);
  CHECK(rework->bodies.empty());
  REQUIRE(rework->refused.size() == 1);
  CHECK(rework->refused[0].weight == Weight{3, 1003});
  CHECK(rework->refused[0].reason == "line_too_large");
}

TEST_CASE("loki rework: halving again and again ends at single entries") {
  std::vector<testkit::LogRecord> records;
  for (int i = 0; i < 37; ++i) {
    records.push_back({.body = std::string(static_cast<size_t>(i * i), 'x'), .timestamp = i});
  }
  const auto request = one_part(records);
  std::vector<std::string> lines;
  Weight refused;
  // Depth first, as the engine keeps the order.
  auto take_apart = [&](auto& self, const SealedView& view) -> void {
    const auto rework = rework_push(view, ReworkReason::too_large, BodyCompression::none);
    REQUIRE(rework);
    for (const auto& gone : rework->refused) {
      for (const std::string& line : lines_of(view.payload)) {
        lines.push_back(line);
      }
      refused += gone.weight;
    }
    for (const ReworkedBody& body : rework->bodies) {
      self(self, {body.payload.view(), "", 1, body.parts, 0});
    }
  };
  take_apart(take_apart, request.view());
  CHECK(lines == lines_of(request.payload.view()));
  CHECK(refused == request.parts[0].weight);
}

TEST_CASE("loki rework: one body for each source") {
  const auto request = three_parts();
  const auto rework =
      rework_push(request.view(), ReworkReason::blame_source, BodyCompression::snappy);
  REQUIRE(rework);
  check_whole(request, *rework);
  REQUIRE(rework->bodies.size() == 3);
  CHECK(rework->bodies[0].origin == std::vector<uint32_t>{0});
  CHECK(rework->bodies[1].origin == std::vector<uint32_t>{2});
  CHECK(rework->bodies[2].origin == std::vector<uint32_t>{1});
  CHECK(lines_of(rework->bodies[1].payload.view()) ==
        std::vector<std::string>{R"({app="a"} 4 a3)"});
}

TEST_CASE("loki rework: what does not fit together is corrupt, not undefined") {
  const auto request = three_parts();
  const auto code_of = [&](const SealedView& view, ReworkReason reason = ReworkReason::too_large) {
    const auto rework = rework_push(view, reason, BodyCompression::snappy);
    REQUIRE_FALSE(rework);
    return rework.error().code;
  };
  SealedView view = request.view();
  view.payload = view.payload.substr(0, view.payload.size() / 2);
  CHECK(code_of(view) == ErrorCode::corrupt);
  view.payload = "garbage";
  CHECK(code_of(view) == ErrorCode::corrupt);

  std::vector<PartRange> parts = request.parts;
  parts[0].length += 1;
  CHECK(code_of({request.payload.view(), "", 1, {parts.data(), 1}, 0}) == ErrorCode::corrupt);
  parts[0] = {0, 5, {1, 1}};
  CHECK(code_of({request.payload.view(), "", 1, parts, 0}) == ErrorCode::corrupt);
  parts[0] = {UINT32_MAX, 5, {1, 1}};
  CHECK(code_of({request.payload.view(), "", 1, parts, 0}) == ErrorCode::corrupt);
  parts = request.parts;
  parts[2].length += 30;
  CHECK(code_of({request.payload.view(), "", 1, parts, 0}) == ErrorCode::corrupt);

  CHECK(code_of(request.view(), ReworkReason::unknown_format) == ErrorCode::unsupported);
}
