#include "plugins/common/otlp/json_request.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/padded_bytes.h"
#include "plugins/common/otlp/proto_of_test.h"
#include "plugins/common/otlp/request_checker.h"

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp;        // NOLINT: likewise
using namespace tailrace::common::otlp::test;  // NOLINT: likewise

namespace {

/// The protobuf of a text, or "error: …".
std::string converted(Signal signal, std::string_view json, size_t limit = 1 << 20) {
  JsonRequestReader reader;
  codec::GrowingBuffer out;
  const auto padded = codec::PaddedBytes::copy_of(json);
  const Status status = reader.convert(signal, padded.view(), limit, out);
  return status ? std::string(out.view(0, out.size())) : "error: " + status.error().message;
}

std::string span_json(std::string_view fields) {
  return std::string(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)") + std::string(fields) +
         "}]}]}]}";
}
std::string span_proto(const Proto& span) {
  return request_of_resources(
             {Proto().message(resource_x::kScopes, Proto().message(scope_x::kRecords, span))})
      .bytes();
}
std::string value_json(std::string_view value) {
  return span_json(std::string(R"("attributes":[{"key":"k","value":)") + std::string(value) + "}]");
}
std::string value_proto(const Proto& value) {
  return span_proto(Proto().message(span::kAttributes, attribute("k", value)));
}
std::string point_json(std::string_view kind, std::string_view fields) {
  return std::string(R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{")") + std::string(kind) +
         R"(":{"dataPoints":[{)" + std::string(fields) + "}]}}]}]}]}";
}
std::string point_proto(uint32_t kind, const Proto& point) {
  return span_proto(Proto().message(kind, Proto().message(metric_data::kPoints, point)));
}

}  // namespace

TEST_CASE("JsonRequestReader: a whole trace request") {
  const std::string json = R"({"resourceSpans":[{"resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"my.service"}}]},"scopeSpans":[{"scope":
    {"name":"my.library","version":"1.0.0"},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
    "spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173","name":"I'm a \"server\" span",
    "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":2,
    "flags":257,"status":{"code":2,"message":"no"},"unknown":{"a":[1,{"b":null}]},
    "events":[{"timeUnixNano":"5","name":"e"}],"links":[]}]}],"schemaUrl":"x"}],"more":true})";
  const Proto span =
      Proto()
          .text(span::kTraceId, std::string_view("\x5b\x8e\xff\xf7\x98\x03\x81\x03"
                                                 "\xd2\x69\xb6\x33\x81\x3f\xc6\x0c",
                                                 16))
          .text(span::kSpanId, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74")
          .text(span::kParentSpanId, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73")
          .text(span::kName, "I'm a \"server\" span")
          .fixed64(span::kStartTime, 1544712660000000000)
          .fixed64(span::kEndTime, 1544712661000000000)
          .varint(span::kKind, 2)
          .fixed32(span::kFlags, 257)
          .message(span::kStatus,
                   Proto().varint(span_status::kCode, 2).text(span_status::kMessage, "no"))
          .message(span::kEvents,
                   Proto().fixed64(span_event::kTime, 5).text(span_event::kName, "e"));
  const Proto scope =
      Proto()
          .message(scope_x::kScope,
                   Proto().text(scope::kName, "my.library").text(scope::kVersion, "1.0.0"))
          .message(scope_x::kRecords, span);
  const Proto resource =
      Proto()
          .message(resource_x::kResource,
                   Proto().message(resource::kAttributes,
                                   attribute("service.name", string_value("my.service"))))
          .message(resource_x::kScopes, scope)
          .text(resource_x::kSchemaUrl, "x");
  const std::string made = converted(Signal::traces, json);
  CHECK(made == request_of_resources({resource}).bytes());
  RequestChecker checker;
  REQUIRE(checker.check(Signal::traces, made));
  CHECK(checker.records() == 1);
  CHECK(checker.refused() == 0);
}

TEST_CASE("JsonRequestReader: values of every kind") {
  const auto check = [](std::string_view json, const Proto& value) {
    CAPTURE(std::string(json));
    CHECK(converted(Signal::traces, value_json(json)) == value_proto(value));
  };
  check(R"({"stringValue":"a\u00e9\n"})", string_value("a\xc3\xa9\n"));
  check(R"({"boolValue":true})", Proto().varint(any_value::kBool, 1));
  check(R"({"boolValue":false})", Proto().varint(any_value::kBool, 0));
  check(R"({"intValue":"-9223372036854775808"})", Proto().varint(any_value::kInt, 1ULL << 63));
  check(R"({"intValue":9223372036854775807})", Proto().varint(any_value::kInt, INT64_MAX));
  check(R"({"intValue":1e3})", Proto().varint(any_value::kInt, 1000));
  check(R"({"doubleValue":0.25})", Proto().real(any_value::kDouble, 0.25));
  check(R"({"doubleValue":"-Infinity"})",
        Proto().real(any_value::kDouble, -std::numeric_limits<double>::infinity()));
  check(R"({"bytesValue":"+/8="})", Proto().text(any_value::kBytes, "\xfb\xff"));
  check(R"({"arrayValue":{"values":[{"intValue":"1"},{}]}})",
        Proto().message(any_value::kArray,
                        Proto()
                            .message(value_list::kValues, Proto().varint(any_value::kInt, 1))
                            .message(value_list::kValues, Proto())));
  check(R"({"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}})",
        Proto().message(any_value::kKeyValueList,
                        Proto().message(value_list::kValues, attribute("a", string_value("b")))));
  check(R"({})", Proto());
  check(R"({"stringValue":null})", Proto());
}

TEST_CASE("JsonRequestReader: points of every kind of metric") {
  CHECK(converted(Signal::metrics, point_json("gauge", R"("asInt":"-3","flags":1)")) ==
        point_proto(metric::kGauge, Proto()
                                        .fixed64(number_point::kAsInt, static_cast<uint64_t>(-3))
                                        .varint(number_point::kFlags, 1)));
  std::string counts;
  for (const uint64_t count : {1, 300}) {
    counts.append(reinterpret_cast<const char*>(&count), sizeof count);
  }
  std::string bounds;
  for (const double bound : {0.5}) {
    bounds.append(reinterpret_cast<const char*>(&bound), sizeof bound);
  }
  CHECK(converted(Signal::metrics,
                  point_json("histogram",
                             R"("count":"301","bucketCounts":["1",300],"explicitBounds":[0.5])")) ==
        point_proto(metric::kHistogram, Proto()
                                            .fixed64(histogram_point::kCount, 301)
                                            .text(histogram_point::kBucketCounts, counts)
                                            .text(histogram_point::kExplicitBounds, bounds)));
  CHECK(converted(Signal::metrics,
                  point_json("exponentialHistogram",
                             R"("scale":-1,"positive":{"offset":2,"bucketCounts":["1","300"]})")) ==
        point_proto(metric::kExponentialHistogram,
                    Proto()
                        .varint(exponential_point::kScale, 1)
                        .message(exponential_point::kPositive,
                                 Proto()
                                     .varint(exponential_buckets::kOffset, 4)
                                     .text(exponential_buckets::kBucketCounts, "\x01\xac\x02"))));
  CHECK(converted(Signal::metrics,
                  point_json("summary", R"("quantileValues":[{"quantile":0.5,"value":2}])")) ==
        point_proto(
            metric::kSummary,
            Proto().message(
                summary_point::kQuantileValues,
                Proto().real(quantile_value::kQuantile, 0.5).real(quantile_value::kValue, 2))));
}

TEST_CASE("JsonRequestReader: of a key that comes twice both are written, so the last counts") {
  CHECK(converted(Signal::traces, span_json(R"("name":"a","name":"b")")) ==
        span_proto(Proto().text(span::kName, "a").text(span::kName, "b")));
}

TEST_CASE("JsonRequestReader: long messages get long lengths") {
  const std::string text(20'000, 'x');
  CHECK(converted(Signal::traces, value_json("{\"stringValue\":\"" + text + "\"}")) ==
        value_proto(string_value(text)));
}

TEST_CASE("JsonRequestReader: what is wrong is refused, with its place") {
  const auto error = [](std::string_view json) {
    const std::string out = converted(Signal::traces, json);
    return out.starts_with("error: ") ? out.substr(7) : "none";
  };
  CHECK(error(span_json(R"("traceId":"xyz")")) ==
        "ExportTraceServiceRequest.resourceSpans: ResourceSpans.scopeSpans: ScopeSpans.spans: "
        "Span.traceId: not hexadecimal");
  for (const char* json : {
           "",
           "[]",
           "null",
           "5",
           "\"x\"",
           "{",
           "{\"resourceSpans\"",
           "{\"resourceSpans\":}",
           "{\"resourceSpans\":{}}",
           "{\"resourceSpans\":[5]}",
           "{\"resourceSpans\":[{]}",
           "{\"resourceSpans\":[{\"resource\":[]}]}",
       }) {
    CAPTURE(json);
    CHECK(error(json) != "none");
  }
  for (const char* fields : {
           R"("name":5)",
           R"("name":{})",
           R"("kind":"SPAN_KIND_SERVER")",
           R"("kind":1.5)",
           R"("startTimeUnixNano":-1)",
           R"("startTimeUnixNano":"18446744073709551616")",
           R"("startTimeUnixNano":1e400)",
           R"("flags":4294967296)",
           R"("attributes":{})",
           R"("status":[])",
           R"("traceId":"0")",
           R"("name":"unclosed)",
           R"("attributes":[{"key":"k","value":{"bytesValue":"*"}}])",
           R"("attributes":[{"key":"k","value":{"boolValue":"true"}}])",
           R"("attributes":[{"key":"k","value":{"intValue":"0x1"}}])",
       }) {
    CAPTURE(fields);
    CHECK(error(span_json(fields)) != "none");
  }
  CHECK(error("{}") == "none");
  CHECK(error(R"({"resourceSpans":null})") == "none");
}

TEST_CASE("JsonRequestReader: what is not known is passed over, but must be JSON") {
  const auto is_taken = [](const std::string& value) {
    const std::string json = R"({"later":)" + value + R"(,"resourceSpans":[{"later":)" + value +
                             R"(,"scopeSpans":[{"spans":[{"name":"n","later":)" + value + "}]}]}]}";
    const std::string out = converted(Signal::traces, json);
    const std::string known = converted(
        Signal::traces, R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n"}]}]}]})");
    CHECK((out == known || out.starts_with("error: ")));
    return out == known;
  };
  for (const std::string& value :
       std::vector<std::string>{"1", "-1.5e3", "true", "null", R"("\u00e9\n")", "{}", "[]",
                                R"({"a":{"b":[1,"x",null,{"c":[[]]}]}})", R"(["}","]"])"}) {
    CAPTURE(value);
    CHECK(is_taken(value));
  }
  for (const std::string& value : std::vector<std::string>{
           "", "x", "nul", "nonsense", "1x", "tru", R"("\x")", "{1}", R"({"a"})", R"({"a":})",
           R"({"a":1,})", R"({"a" 1})", "[1,]", "[1 2]", "[,]", "[tru]", R"({"a":[{"b":nul}]})"}) {
    CAPTURE(value);
    CHECK_FALSE(is_taken(value));
  }
  std::string deep = "1";
  for (unsigned i = 0; i < kMaxNesting; ++i) {
    deep = "[" + deep + "]";
  }
  CHECK_FALSE(is_taken(deep));
}

TEST_CASE("JsonRequestReader: nesting and size have limits") {
  std::string value = "{}";
  for (int i = 0; i < 2000; ++i) {
    value = R"({"arrayValue":{"values":[)" + value + "]}}";
  }
  CHECK(converted(Signal::traces, value_json(value)).find("error: ") == 0);
  JsonRequestReader reader;
  codec::GrowingBuffer out;
  const auto padded =
      codec::PaddedBytes::copy_of(span_json("\"name\":\"" + std::string(500, 'x') + "\""));
  const Status limited = reader.convert(Signal::traces, padded.view(), 100, out);
  REQUIRE(!limited);
  CHECK(limited.error().code == ErrorCode::limit);
  CHECK(reader.convert(Signal::traces, padded.view(), 1000, out));
}

TEST_CASE("JsonRequestReader: whatever comes, what is made is protobuf") {
  std::mt19937 random(9);
  const std::string whole = value_json(
      R"({"arrayValue":{"values":[{"intValue":"12"},{"doubleValue":1.5},{"bytesValue":"aGk="}]}})");
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string json = whole;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      json[random() % json.size()] = "{}[]\",:0159eE-.\\ntxk"[random() % 21];
    }
    const std::string made = converted(Signal::traces, json);
    if (!made.starts_with("error: ")) {
      ++good;
      CHECK(RequestChecker().check(Signal::traces, made));
    }
  }
  CHECK(good > 0);
}
