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

/// What a client hears of a body of ten records when outputs have refused some of them.
Reply told(Reply settled, const std::vector<std::pair<uint64_t, bool>>& refusals) {
  testkit::ManualLane lane;
  Reply heard;
  const auto book =
      std::make_shared<ReplyBook>(lane, std::chrono::seconds(10),
                                  [&heard](HttpExchange&, const Reply& reply) { heard = reply; });
  ReceiptRef receipt = book->open(std::make_shared<Exchange>(), 100, std::move(settled));
  for (const auto& [records, alone] : refusals) {
    report_partly(*receipt.get(), records, alone, "too old");
  }
  receipt.reset();
  book->close();
  return heard;
}

}  // namespace

TEST_CASE("ReplyBook: a client that can be told hears how many of its records were refused") {
  const Reply can_hear{.status = 200, .records = 10};
  CHECK(told(can_hear, {}).rejected == 0);
  const Reply some = told(can_hear, {{2, true}, {3, true}});
  CHECK(some.status == 200);
  CHECK(some.rejected == 5);
  CHECK(some.text == "too old");
  CHECK(told(can_hear, {{8, true}, {8, true}}).rejected == 10);  // by two outputs
  CHECK(told(can_hear, {{8, false}}).rejected == 0);             // may be others' records
}

TEST_CASE("ReplyBook: of a client that cannot be told the whole body is refused") {
  const Reply reply = told({}, {{1, true}});
  CHECK(reply.status == 400);
  CHECK(reply.text == "refused: too old");
}
