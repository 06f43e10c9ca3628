#include "plugins/inputs/prometheus_remote_write/receiver_test.h"

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/crash_fs.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::prometheus_remote_write::test;  // NOLINT: likewise
using testkit::EngineBench;
using testkit::FakeAnswer;
using testkit::FakeServer;
using Texts = std::vector<std::string>;

namespace {

class Gateway {
 public:
  Gateway() : bench_(kGateway, kGatewayPlugins, disk_) {}
  EngineBench* operator->() { return &bench_; }

  std::shared_ptr<const FakeAnswer> post(std::string_view body, Headers headers,
                                         const std::string& path = "/api/v1/write") {
    auto answer = bench_.net().listeners().post(path, body, std::move(headers));
    REQUIRE(bench_.until([&] { return answer->status != 0; }));
    return answer;
  }
  /// Everything that was passed on so far.
  Texts passed_on() {
    Texts all;
    for (const auto& seen : bench_.server().seen) {
      for (auto& text : records_of(WriteVersion::v1, uncompressed(seen.body))) {
        all.push_back(std::move(text));
      }
    }
    return all;
  }

 private:
  testkit::CrashFs disk_;
  EngineBench bench_;
};

std::string header(const FakeAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

const std::string kGood = series({{"__name__", "up"}, {"job", "n"}}, {{1, 5}});

/// symbols "", and those given, then a series with these refs and one sample.
std::string v2_body(const std::vector<std::string>& symbols, const std::string& refs) {
  std::string body = field(4, "");
  for (const std::string& symbol : symbols) {
    body += field(4, symbol);
  }
  return body + field(5, field(1, refs) + sample(2, 1, 5));
}

}  // namespace

TEST_CASE("receiver 1.0: what comes is passed on, byte for byte") {
  Gateway gateway;
  const std::string body = kGood + series({{"__name__", "x"}}, {{2, 6}, {3, 7}});
  const auto answer = gateway.post(snappied(body), v1_headers());
  CHECK(answer->status == 204);
  CHECK(header(*answer, "X-Prometheus-Remote-Write-Samples-Written") == "");
  REQUIRE(gateway->server().seen.size() == 1);
  CHECK(uncompressed(gateway->server().seen[0].body) == body);
}

TEST_CASE("receiver 2.0: what comes is passed on, and counted in the answer") {
  Gateway gateway;
  const auto answer = gateway.post(
      snappied(v2_body({"__name__", "up", "job", "n"}, "\x01\x02\x03\x04")), v2_headers());
  CHECK(answer->status == 204);
  CHECK(header(*answer, "X-Prometheus-Remote-Write-Samples-Written") == "1");
  CHECK(header(*answer, "X-Prometheus-Remote-Write-Histograms-Written") == "0");
  CHECK(header(*answer, "X-Prometheus-Remote-Write-Exemplars-Written") == "0");
  CHECK(gateway.passed_on() == Texts{"{__name__=up,job=n} 3ff0000000000000 @5"});
}

TEST_CASE("receiver: labels that are not encoded as ours would be are the same labels") {
  // The value before the name, a length with a needless byte, a field that nobody knows.
  const std::string odd = field(1, field(2, "up") + field(1, "__name__")) +
                          std::string("\x0a\x88\x00", 3) + field(1, "job") + field(2, "n") +
                          field(9, "new");
  std::string padded = odd;
  padded[padded.find('\x88')] = static_cast<char>(0x80 | (field(1, "job") + field(2, "n")).size());
  Gateway gateway;
  CHECK(gateway.post(snappied(field(1, padded + sample(2, 1, 5))), v1_headers())->status == 204);
  CHECK(gateway.passed_on() == Texts{"{__name__=up,job=n} 3ff0000000000000 @5"});
}

TEST_CASE("receiver: a tenant is kept") {
  Gateway gateway;
  Headers headers = v1_headers();
  headers.emplace_back("x-scope-orgid", "red");
  CHECK(gateway.post(snappied(kGood), headers)->status == 204);
  const auto& seen = gateway->server().seen.at(0);
  CHECK(std::find(seen.headers.begin(), seen.headers.end(),
                  std::pair<std::string, std::string>("X-Scope-OrgID", "red")) !=
        seen.headers.end());
  CHECK(gateway.passed_on() == Texts{"{__name__=up,job=n} 3ff0000000000000 @5"});
}

TEST_CASE("receiver: samples that are not in order of time are put in order") {
  Gateway gateway;
  const auto answer =
      gateway.post(snappied(series({{"__name__", "a"}}, {{2, 7}, {1, 6}})), v1_headers());
  CHECK(answer->status == 204);
  CHECK(gateway.passed_on() ==
        Texts{"{__name__=a} 3ff0000000000000 @6", "{__name__=a} 4000000000000000 @7"});
}

TEST_CASE("receiver: metadata of 1.0 comes alone and goes with the samples") {
  Gateway gateway;
  const std::string metadata = field(3, std::string("\x08\x01", 2) + field(2, "up") +
                                            field(4, "Whether it is up.") + field(5, "bools"));
  CHECK(gateway.post(snappied(metadata), v1_headers())->status == 204);
  CHECK(gateway->server().seen.empty());
  CHECK(gateway.post(snappied(kGood), v1_headers())->status == 204);
  CHECK(uncompressed(gateway->server().seen.at(0).body) == kGood + metadata);
}

TEST_CASE("receiver: what is wrong with a body is said, and nothing of it is taken") {
  struct Case {
    std::string body;
    std::string reason;
  };
  const std::vector<Case> cases = {
      {"", "empty"},
      {"\xff\xff\xff\xff\xff\xff", "snappy"},
      {snappied("\x0a\x7f"), "does not decode"},
      {snappied(kGood + series({{"job", "n"}}, {{1, 5}})), "__name__"},
      {snappied(kGood + series({{"job", "n"}, {"__name__", "up"}}, {{1, 5}})), "sorted"},
      {snappied(kGood + series({{"__name__", "up"}, {"a", "1"}, {"a", "2"}}, {{1, 5}})), "twice"},
      {snappied(kGood + series({{"__name__", "up"}, {"a", ""}}, {{1, 5}})), "empty value"},
      {snappied(kGood + series({{"", "x"}, {"__name__", "up"}}, {{1, 5}})), "empty name"},
      {snappied(kGood + series({{"__name__", "up\xff"}}, {{1, 5}})), "UTF-8"},
      {snappied(kGood + field(1, label("__name__", "h") + field(4, field(11, "\x10\x02")))),
       "spans"},
      {snappied(kGood + field(1, label("__name__", "h") + field(4, "\x20\x50"))), "schema"},
  };
  Gateway gateway;
  for (const Case& wrong : cases) {
    CAPTURE(wrong.reason);
    const auto answer = gateway.post(wrong.body, v1_headers());
    CHECK(answer->status == 400);
    CHECK(answer->body.find(wrong.reason) != std::string::npos);
  }
  const std::vector<std::pair<std::string, std::string>> of_v2 = {
      {v2_body({"__name__", "up"}, "\x01"), "odd"},
      {v2_body({"__name__", "up"}, "\x01\x09"), "not there"},
      {field(4, "x") + field(5, ""), "first symbol"},
      {v2_body({"__name__", "\xff"}, "\x01\x02"), "UTF-8"},
      {v2_body({"__name__", "up"}, ""), "__name__"},
  };
  for (const auto& refused : of_v2) {
    const auto& reason = refused.second;
    CAPTURE(reason);
    const auto answer = gateway.post(snappied(refused.first), v2_headers());
    CHECK(answer->status == 400);
    CHECK(answer->body.find(reason) != std::string::npos);
    CHECK(header(*answer, "X-Prometheus-Remote-Write-Samples-Written") == "0");
  }
  CHECK(gateway->server().seen.empty());
  CHECK(gateway->metric("input_rejected_bodies_total", {{"reason", "invalid"}}) ==
        static_cast<double>(cases.size() + of_v2.size()));
}

TEST_CASE("receiver: types, encodings and places that are not known") {
  Gateway gateway;
  const auto status = [&](Headers headers, const std::string& path = "/api/v1/write") {
    return gateway.post(snappied(kGood), std::move(headers), path)->status;
  };
  CHECK(status({{"content-type", "application/json"}}) == 415);
  CHECK(status({{"content-type", "application/x-protobuf;proto=other.Message"}}) == 415);
  CHECK(status({{"content-type", "application/x-protobuf"}, {"content-encoding", "gzip"}}) == 415);
  CHECK(status({{"content-type", "application/x-protobuf; proto=prometheus.WriteRequest"},
                {"content-encoding", "Snappy"}}) == 204);
  CHECK(status({}) == 204);
  CHECK(status(v1_headers(), "/api/v1/push") == 204);
  CHECK(status(v1_headers(), "/elsewhere") == 404);
  CHECK(gateway->net().listeners().request(0, "GET", "/ready", {}, "")->status == 200);
}

TEST_CASE("receiver: bodies of any bytes are taken or refused, never more") {
  Gateway gateway;
  const std::string good = kGood + series({{"__name__", "x"}}, {{2, 6}, {3, 7}});
  uint32_t state = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string body = good;
    for (int change = 0; change < 3; ++change) {
      state = state * 1664525 + 1013904223;
      body[(state >> 8) % body.size()] = static_cast<char>(state >> 24);
    }
    const int status =
        gateway.post(snappied(body), round % 2 == 0 ? v1_headers() : v2_headers())->status;
    CHECK((status == 204 || status == 400));
  }
}
