#include "testkit/fake_net.h"

#include <algorithm>
#include <set>

namespace tailrace::testkit {

class FakeServer::FakeChannel final : public Channel {
 public:
  FakeChannel(FakeServer& server, Lane& lane) : server_(server), lane_(lane) {}
  ~FakeChannel() override { server_.in_flight_ -= flying_->size(); }

  CallId call(const Call& call, std::function<void(CallResult)> done) override {
    const CallId id = ++last_id_;
    Seen seen{call.url, call.headers, std::string(call.body)};
    flying_->insert(id);
    server_.most_in_flight = std::max(server_.most_in_flight, ++server_.in_flight_);
    std::optional<CallResult> answer;
    if (!server_.hangs) {
      answer = server_.behaviour(seen);
    }
    seen.answered = answer ? answer->status : 0;
    server_.seen.push_back(std::move(seen));
    if (!answer) {
      return id;
    }
    lane_.post([server = &server_, flying = std::weak_ptr<std::set<CallId>>(flying_), id,
                sink = call.sink, done = std::move(done), result = std::move(*answer)]() mutable {
      const auto set = flying.lock();
      if (set == nullptr || !set->contains(id)) {
        return;
      }
      if (sink != nullptr && result.transport && result.status == 200) {
        feed(*sink, result);
      }
      set->erase(id);
      --server->in_flight_;
      done(std::move(result));
    });
    return id;
  }
  void cancel(CallId id) override {
    if (flying_->erase(id) == 1) {
      --server_.in_flight_;
    }
  }

 private:
  /// In pieces, as a network would.
  static void feed(AnswerSink& sink, CallResult& result) {
    bool wanted = sink.on_head(result.headers);
    std::string_view left = result.body;
    for (size_t piece = 1; wanted && !left.empty(); piece = piece * 3 + 1) {
      wanted = sink.on_data(left.substr(0, piece));
      left.remove_prefix(std::min(piece, left.size()));
    }
    if (wanted) {
      result.body.clear();
    } else {
      result = CallResult();
      result.transport = fail(ErrorCode::cancelled, "no more of the answer is wanted");
    }
  }

  FakeServer& server_;
  Lane& lane_;
  CallId last_id_ = 0;
  std::shared_ptr<std::set<CallId>> flying_ = std::make_shared<std::set<CallId>>();
};

std::unique_ptr<Channel> FakeServer::channel(Lane& lane) {
  return std::make_unique<FakeChannel>(*this, lane);
}

}  // namespace tailrace::testkit
