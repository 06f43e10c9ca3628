#include "plugins/outputs/loki/answer.h"

#include <chrono>
#include <string>

#include <doctest/doctest.h>

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::loki::read_push_answer;
using Kind = Answer::Kind;

namespace {

constexpr int64_t kNow = 784111777'000'000'000;  // Sun, 06 Nov 1994 08:49:37 GMT

Answer answer_to(int status, std::string body = {}, Headers headers = {},
                 bool several_tenants = false) {
  CallResult result;
  result.status = status;
  result.body = std::move(body);
  result.headers = std::move(headers);
  return read_push_answer(result, {100, 3, several_tenants, kNow});
}

}  // namespace

TEST_CASE("loki answers: delivered") {
  for (const int status : {200, 202, 204}) {
    CHECK(answer_to(status).kind == Kind::delivered);
  }
  CHECK(answer_to(200, "{\"status\":\"success\"}", {{"content-type", "application/json"}}).kind ==
        Kind::delivered);
}

TEST_CASE("loki answers: a 400 with counts refuses that many, summed over streams") {
  const Answer some = answer_to(
      400,
      "entry with timestamp 2026-01-02 03:04:05 ignored, reason: 'entry too far behind',\n"
      "user 'fake', total ignored: 3 out of 10 for stream: {app=\"a\"}\n"
      "entry with timestamp 2026-01-02 03:04:05 ignored, reason: 'entry too far behind',\n"
      "user 'fake', total ignored: 4 out of 90 for stream: {app=\"b\"}\n");
  CHECK(some.kind == Kind::partly);
  CHECK(some.refused == 7);
  CHECK(some.reason == "http_400");
  CHECK(some.detail.find('\n') == std::string::npos);
  CHECK(some.detail.find("too far behind") != std::string::npos);

  const Answer all = answer_to(400, "total ignored: 100 out of 100 for stream: {}");
  CHECK(all.kind == Kind::refused);
  CHECK(answer_to(400, "total ignored: 1000 out of 1000").kind == Kind::refused);
  CHECK(answer_to(400, "total ignored: many out of them").kind == Kind::refused);
}

TEST_CASE("loki answers: a 400 without counts refuses the request, and says what that means") {
  const Answer answer = answer_to(400, "Max entry size '262144' bytes exceeded for stream '{}'");
  CHECK(answer.kind == Kind::refused);
  CHECK(answer.detail.find("Max entry size") != std::string::npos);
  CHECK(answer.detail.find("stores the valid entries") != std::string::npos);
}

TEST_CASE("loki answers: a 400 that names no entry is tried source by source, once") {
  const Answer answer = answer_to(400, "rejected by rule 17");
  CHECK(answer.kind == Kind::blame_source);
  CHECK(answer.reason == "http_400");

  CallResult result;
  result.status = 400;
  result.body = "rejected by rule 17";
  const Answer single = read_push_answer(result, {100, 1, false, kNow});
  CHECK(single.kind == Kind::refused);
  CHECK(single.detail == "400 rejected by rule 17");
}

TEST_CASE("loki answers: 429 lets the tenant wait, as long as it is told to") {
  const Answer plain = answer_to(429, "Ingestion rate limit exceeded for user fake");
  CHECK(plain.kind == Kind::retry);
  CHECK(plain.tenant_only);
  CHECK(plain.retry_after.count() == 0);
  CHECK(plain.reason == "http_429");
  CHECK(answer_to(429, "", {{"retry-after", "7"}}).retry_after == std::chrono::seconds(7));
  CHECK(answer_to(429, "", {{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}}).retry_after ==
        std::chrono::seconds(10));
  CHECK(answer_to(429, "", {{"retry-after", "soon"}}).retry_after.count() == 0);
}

TEST_CASE("loki answers: the server's troubles are retried, for all tenants") {
  for (const int status : {408, 425, 500, 502, 503, 504, 507, 529}) {
    const Answer answer = answer_to(status, "oops", {{"retry-after", "2"}}, true);
    CAPTURE(status);
    CHECK(answer.kind == Kind::retry);
    CHECK_FALSE(answer.tenant_only);
    CHECK(answer.retry_after == std::chrono::seconds(2));
    CHECK(answer.reason == "http_" + std::to_string(status));
  }
}

TEST_CASE("loki answers: no answer is retried") {
  CallResult result;
  result.transport = fail(ErrorCode::timeout, "no answer within 10 s");
  const Answer answer = read_push_answer(result, {100, 3, false, kNow});
  CHECK(answer.kind == Kind::retry);
  CHECK(answer.reason == "timeout");
  CHECK(answer.detail == "no answer within 10 s");
}

TEST_CASE("loki answers: what a person must mend is kept and tried again later") {
  for (const int status : {401, 403, 407, 404, 405, 410, 415, 260}) {
    const Answer answer = answer_to(status, "no org id");
    CAPTURE(status);
    CHECK(answer.kind == Kind::retry);
    CHECK(answer.retry_after >= std::chrono::seconds(30));
    CHECK(answer.reason == "http_" + std::to_string(status));
    CHECK(answer.tenant_only == (status == 260));
  }
  CHECK(answer_to(401, "", {}, true).tenant_only);
  CHECK_FALSE(answer_to(404, "", {}, true).tenant_only);
  CHECK(answer_to(404, "", {{"retry-after", "5"}}).retry_after == std::chrono::seconds(5));
}

TEST_CASE("loki answers: nonsense gives nothing up") {
  const Headers html = {{"content-type", "text/html; charset=utf-8"}};
  for (const Answer& answer :
       {answer_to(200, "<html>log in</html>", html),
        answer_to(400, "<html>The plain HTTP request was sent to HTTPS port</html>", html),
        answer_to(206), answer_to(299), answer_to(301), answer_to(302), answer_to(100),
        answer_to(0), answer_to(-1), answer_to(600), answer_to(999)}) {
    CAPTURE(answer.detail);
    CHECK(answer.kind == Kind::retry);
    CHECK(answer.reason.starts_with("not_loki_"));
    CHECK(answer.retry_after >= std::chrono::seconds(30));
  }
}

TEST_CASE("loki answers: too large, and refused for good") {
  CHECK(answer_to(413, "too big").kind == Kind::too_large);
  for (const int status : {402, 406, 409, 422, 431, 451}) {
    CAPTURE(status);
    CHECK(answer_to(status).kind == Kind::refused);
  }
}

TEST_CASE("loki answers: the detail is one short valid line, whatever was sent") {
  const Answer answer = answer_to(500, std::string(60'000, '\xff') + "\n\x01");
  CHECK(answer.detail.size() < 2000);
  CHECK(answer_to(500,
                  "a\nb\x01"
                  "c\n\n")
            .detail == "500 a b c");
}
