#include "plugins/common/receiver/reply_book.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/partial_receipt.h"

#include "testkit/manual_lane.h"

using namespace tailrace;
using namespace tailrace::common::receiver;

namespace {

class Exchange final : public HttpExchange {
 public:
  const HttpRequestHead& head() const noexcept override { return head_; }
  void reply(int, Headers, std::string) override {}
  bool replied() const noexcept override { return false; }

 private:
  HttpRequestHead head_;
};

struct Refusal {
  uint64_t records = 0;
  bool alone = true;
  const void* output = nullptr;
};

/// What a client hears of a body of ten records when outputs have refused some of them.
Reply told(Reply settled, const std::vector<Refusal>& refusals) {
  testkit::ManualLane lane;
  Reply heard;
  const auto book =
      std::make_shared<ReplyBook>(lane, std::chrono::seconds(10),
                                  [&heard](HttpExchange&, const Reply& reply) { heard = reply; });
  ReceiptRef receipt = book->open(std::make_shared<Exchange>(), 100, std::move(settled));
  for (const Refusal& refusal : refusals) {
    report_partly(*receipt.get(), refusal.records, refusal.alone, "too old", refusal.output);
  }
  receipt.reset();
  book->close();
  return heard;
}

}  // namespace

TEST_CASE("ReplyBook: a client that can be told hears how many of its records were refused") {
  const Reply can_hear{.status = 200, .records = 10};
  CHECK(told(can_hear, {}).rejected == 0);
  const Reply some = told(can_hear, {{.records = 2}, {.records = 3}});
  CHECK(some.status == 200);
  CHECK(some.rejected == 5);
  CHECK(some.text == "too old");
  const int outputs[2] = {};
  CHECK(
      told(can_hear, {{.records = 8, .output = &outputs[0]}, {.records = 7, .output = &outputs[1]}})
          .rejected == 8);                                                // mostly the same ones
  CHECK(told(can_hear, {{.records = 8, .alone = false}}).rejected == 0);  // may be others'
}

TEST_CASE("ReplyBook: a client of whose records none was taken hears that they were refused") {
  for (const uint64_t refused : {10, 16}) {
    const Reply reply = told({.status = 200, .records = 10}, {{.records = refused}});
    CHECK(reply.status == 400);
    CHECK(reply.text == "refused: too old");
  }
  const Reply reply =
      told({.status = 200, .text = "bad ids", .rejected = 3, .records = 10}, {{.records = 7}});
  CHECK(reply.status == 400);  // the others were refused at the door
  CHECK(reply.text == "refused: too old");
}

TEST_CASE("ReplyBook: of a client that cannot be told the whole body is refused") {
  const Reply reply = told({}, {{.records = 1}});
  CHECK(reply.status == 400);
  CHECK(reply.text == "refused: too old");
}
