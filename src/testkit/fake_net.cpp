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
                done = std::move(done), result = std::move(*answer)]() mutable {
      const auto set = flying.lock();
      if (set != nullptr && set->erase(id) == 1) {
        --server->in_flight_;
        done(std::move(result));
      }
    });
    return id;
  }
  void cancel(CallId id) override {
    if (flying_->erase(id) == 1) {
      --server_.in_flight_;
    }
  }

 private:
  FakeServer& server_;
  Lane& lane_;
  CallId last_id_ = 0;
  std::shared_ptr<std::set<CallId>> flying_ = std::make_shared<std::set<CallId>>();
};

std::unique_ptr<Channel> FakeServer::channel(Lane& lane) {
  return std::make_unique<FakeChannel>(*this, lane);
}

}  // namespace tailrace::testkit
