#include "plugins/common/otlp/request_checker.h"

#include <random>

#include <doctest/doctest.h>

#include "plugins/common/otlp/proto_of_test.h"

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp;        // NOLINT: likewise
using namespace tailrace::common::otlp::test;  // NOLINT: likewise

namespace {

std::string request_with(const Proto& record) {
  return request_of_resources({resource_message("shop", {scope_of("lib", {record})})}).bytes();
}

std::string error_of(Signal signal, std::string_view body) {
  RequestChecker checker;
  const Status status = checker.check(signal, body);
  return status ? std::string() : status.error().message;
}

/// An attribute whose value is a list in a list in a list …
Proto nested(int depth) {
  Proto value = string_value("deep");
  for (int i = 0; i < depth; ++i) {
    value = Proto().message(any_value::kArray, Proto().message(value_list::kValues, value));
  }
  return attribute("nested", value);
}

}  // namespace

TEST_CASE("RequestChecker: resources, records and bytes are counted, for each signal") {
  RequestChecker checker;
  const Proto one =
      resource_message("a", {scope_of("x", {span_of(1), span_of(2)}), scope_of("y", {span_of(3)})});
  const Proto two = resource_message("b", {scope_of("x", {span_of(4)})});
  const std::string body = request_of_resources({one, two}).bytes();
  REQUIRE(checker.check(Signal::traces, body));
  CHECK(checker.records() == 4);
  CHECK(checker.refused() == 0);
  REQUIRE(checker.resources().size() == 2);
  CHECK(checker.resources()[0].message == one.bytes());
  CHECK(checker.resources()[0].records == 3);
  CHECK(checker.resources()[1].message == two.bytes());
  CHECK(checker.resources()[0].source_bytes + checker.resources()[1].source_bytes == body.size());

  REQUIRE(checker.check(Signal::logs, request_with(log_of(1))));
  CHECK(checker.records() == 1);
  const Proto points = Proto()
                           .message(metric_data::kPoints, number_point_of(1))
                           .message(metric_data::kPoints, number_point_of(2));
  REQUIRE(checker.check(Signal::metrics, request_with(gauge_of("m", points))));
  CHECK(checker.records() == 2);
}

TEST_CASE("RequestChecker: resources are counted ahead, also where they hold nothing") {
  CHECK(RequestChecker::count_resources("") == 0);
  CHECK(RequestChecker::count_resources(std::string_view("\x0a\0\x0a\0\x10\1\x0a\0", 8)) == 3);
  CHECK(RequestChecker::count_resources("\x0a\x7f") <= 1);  // broken
}

TEST_CASE("RequestChecker: nothing, and resources without records, hold nothing") {
  RequestChecker checker;
  CHECK(checker.check(Signal::traces, ""));
  CHECK(checker.resources().empty());
  CHECK(checker.check(Signal::traces,
                      request_of_resources({resource_message("a", {scope_of("x", {})})}).bytes()));
  CHECK(checker.resources().empty());
}

TEST_CASE("RequestChecker: attributes of the usual shape are checked as others are") {
  const auto verdict = [](const std::string& pair) {
    const Proto record = span_of(1).text(span::kAttributes, pair);
    return error_of(Signal::traces, request_with(record)).empty();
  };
  for (const Proto& value :
       {string_value("text"), string_value(""), string_value(std::string(130, 'l')),
        Proto().varint(any_value::kInt, 7), Proto().varint(any_value::kInt, UINT64_MAX),
        Proto().varint(any_value::kBool, 1), Proto().fixed64(any_value::kDouble, 5), Proto()}) {
    const std::string good = attribute("some.key", value).bytes();
    CHECK(verdict(good));
    for (size_t size = 0; size <= good.size(); ++size) {
      for (const int change : {-1, 0, 1, 2, 8, 9, 10, 12, 16, 18, 24, 33, 127, 128, 255}) {
        std::string odd = good.substr(0, size);  // cut off, or with another byte
        if (change >= 0 && size < good.size()) {
          odd += static_cast<char>(change);
          odd += good.substr(size + 1);
        }
        // With an unknown field before it, it is not of the usual shape, and means the same.
        const std::string other = Proto().varint(15, 0).bytes() + odd;
        if (verdict(odd) != verdict(other)) {
          FAIL_CHECK("byte ", size, " as ", change);
        }
      }
    }
  }
}

TEST_CASE("RequestChecker: unknown fields of every wire type are passed over") {
  const Proto odd = span_of(1).varint(90, 5).fixed64(91, 6).fixed32(92, 7).text(1000, "x");
  CHECK(error_of(Signal::traces, request_with(odd)).empty());
  CHECK(error_of(Signal::traces, Proto(request_with(span_of(1))).varint(7, 1).text(9, "y").bytes())
            .empty());
}

TEST_CASE("RequestChecker: ids that a backend refuses are counted, record by record") {
  const auto refused = [](Signal signal, const Proto& record) {
    RequestChecker checker;
    REQUIRE(checker.check(signal, request_with(record)));
    CHECK(checker.records() == 1);
    return checker.refused();
  };
  const auto span_with = [](std::string_view trace, std::string_view id) {
    Proto span;
    span.text(span::kName, "s");
    return span.text(span::kTraceId, trace).text(span::kSpanId, id);
  };
  CHECK(refused(Signal::traces, span_with(trace_id(1), span_id(1))) == 0);
  CHECK(refused(Signal::traces, span_with(trace_id(1).substr(1), span_id(1))) == 1);
  CHECK(refused(Signal::traces, span_with(trace_id(1), span_id(1) + "x")) == 1);
  CHECK(refused(Signal::traces, span_with(std::string(16, '\0'), span_id(1))) == 1);
  CHECK(refused(Signal::traces, span_with(trace_id(1), std::string(8, '\0'))) == 1);
  CHECK(refused(Signal::traces, span_with("", "")) == 1);
  CHECK(refused(Signal::traces, Proto().text(span::kName, "no ids")) == 1);
  CHECK(refused(Signal::traces, Proto().text(span::kTraceId, trace_id(1))) == 1);
  // A parent may be missing or zero, but is eight bytes.
  CHECK(refused(Signal::traces, span_with(trace_id(1), span_id(1)).text(4, "")) == 0);
  CHECK(refused(Signal::traces, span_with(trace_id(1), span_id(1)).text(4, std::string(8, '\0'))) ==
        0);
  CHECK(refused(Signal::traces, span_with(trace_id(1), span_id(1)).text(4, "parent")) == 1);
  // Links
  CHECK(refused(Signal::traces,
                span_of(1).message(span::kLinks, Proto().text(span_link::kTraceId, "short"))) == 1);
  // Log records need no ids.
  CHECK(refused(Signal::logs, Proto().text(log_record::kSeverityText, "x")) == 0);
  CHECK(refused(Signal::logs, Proto().text(log_record::kTraceId, "")) == 0);
  CHECK(refused(Signal::logs, Proto().text(log_record::kTraceId, "0123")) == 1);
  const Proto bad_exemplar =
      Proto(number_point_of(1))
          .message(number_point::kExemplars, Proto().text(exemplar::kSpanId, "x"));
  CHECK(refused(Signal::metrics,
                gauge_of("m", Proto().message(metric_data::kPoints, bad_exemplar))) == 1);
}

TEST_CASE("RequestChecker: what is broken is refused as a whole, with its place") {
  CHECK(error_of(Signal::traces, "\x0a\x05zz").find("5 bytes long, but only 2 are there") !=
        std::string::npos);
  CHECK(error_of(Signal::traces, request_with(Proto().varint(span::kName, 1)))
            .find("field 5 of Span") != std::string::npos);
  CHECK(
      !error_of(Signal::traces, request_with(Proto().text(span::kStartTime, "12345678"))).empty());
  CHECK(!error_of(Signal::traces, request_with(Proto(std::string("\x0b", 1)))).empty());  // a group
  CHECK(!error_of(Signal::traces, request_with(Proto(std::string("\x02\x00", 2))))
             .empty());  // field 0
  CHECK(!error_of(Signal::traces, request_with(Proto(std::string(11, '\xff')))).empty());
  CHECK(!error_of(Signal::traces, Proto().varint(1, 7).bytes()).empty());
  CHECK(!error_of(Signal::metrics,
                  request_with(Proto().message(
                      metric::kHistogram,
                      Proto().message(metric_data::kPoints,
                                      Proto().text(histogram_point::kBucketCounts, "1234567")))))
             .empty());
  // Cut off anywhere, it is broken or has lost its end at the border of two fields.
  const std::string whole = request_with(span_of(1));
  for (size_t size = 1; size < whole.size(); ++size) {
    CHECK(!error_of(Signal::traces, std::string_view(whole).substr(0, size)).empty());
  }
}

TEST_CASE("RequestChecker: nesting has a limit") {
  const auto with = [](int depth) {
    return request_with(span_of(1).message(span::kAttributes, nested(depth)));
  };
  CHECK(error_of(Signal::traces, with(45)).empty());
  CHECK(error_of(Signal::traces, with(60)).find("nested deeper") != std::string::npos);
  CHECK(error_of(Signal::traces, with(20'000)).find("nested deeper") != std::string::npos);
}

TEST_CASE("RequestChecker: repeated numbers may come packed or one by one") {
  Proto packed;
  packed.text(histogram_point::kBucketCounts, std::string(24, '\1'));
  packed.fixed64(histogram_point::kBucketCounts, 7);
  const Proto metric =
      Proto().message(metric::kHistogram, Proto().message(metric_data::kPoints, packed));
  CHECK(error_of(Signal::metrics, request_with(metric)).empty());
  const Proto buckets = Proto()
                            .text(exponential_buckets::kBucketCounts, "\x01\x80\x01")
                            .varint(exponential_buckets::kBucketCounts, 300);
  const Proto exponential =
      Proto().message(metric::kExponentialHistogram,
                      Proto().message(metric_data::kPoints,
                                      Proto().message(exponential_point::kPositive, buckets)));
  CHECK(error_of(Signal::metrics, request_with(exponential)).empty());
}

TEST_CASE("append_without_refused: bad records go, the rest stays byte for byte") {
  const Proto bad = Proto().text(span::kName, "no ids");
  const Proto mixed = resource_message("a", {scope_of("x", {span_of(1), bad, span_of(2)}),
                                             scope_of("y", {bad}), scope_of("z", {span_of(3)})});
  std::string out;
  append_without_refused(Signal::traces, mixed.bytes(), out);
  CHECK(out == resource_message(
                   "a", {scope_of("x", {span_of(1), span_of(2)}), scope_of("z", {span_of(3)})})
                   .bytes());
  out.clear();
  append_without_refused(Signal::traces, resource_message("a", {scope_of("x", {bad})}).bytes(),
                         out);
  CHECK(out.empty());

  const Proto bad_point =
      Proto().message(number_point::kExemplars, Proto().text(exemplar::kTraceId, "x"));
  const auto metrics = [](const Proto& points) {
    return resource_message("a", {scope_of("x", {gauge_of("m", points)})});
  };
  append_without_refused(Signal::metrics,
                         metrics(Proto()
                                     .message(metric_data::kPoints, bad_point)
                                     .message(metric_data::kPoints, number_point_of(1)))
                             .bytes(),
                         out);
  CHECK(out == metrics(Proto().message(metric_data::kPoints, number_point_of(1))).bytes());
}

TEST_CASE("RequestChecker: any bytes at all are refused or add up") {
  std::mt19937 random(4);
  const std::string whole =
      request_of_resources(
          {resource_message("a", {scope_of("x", {span_of(1), span_of(2)})}),
           resource_message("b", {scope_of("x", {span_of(3).message(9, nested(3))})})})
          .bytes();
  for (int i = 0; i < 20'000; ++i) {
    std::string body = whole;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    body.resize(body.size() - random() % 3);
    for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
      RequestChecker checker;
      if (!checker.check(signal, body)) {
        continue;
      }
      for (const CheckedResource& resource : checker.resources()) {
        std::string kept;
        append_without_refused(signal, resource.message, kept);
        RequestChecker again;
        REQUIRE(again.check(signal, request_of_resources({Proto(kept)}).bytes()));
        CHECK(again.records() == resource.records - resource.refused);
        CHECK(again.refused() == 0);
      }
    }
  }
}
