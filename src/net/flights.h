#pragma once

#include <map>
#include <memory>
#include <utility>

#include "tailrace/channel.h"
#include "tailrace/lane.h"

namespace tailrace::net {

/// The calls of a channel that are under way, by number. What somebody else will call back with is
/// guarded here: by then the call may have ended, or the channel with all its calls.
/// Lane: the channel's.
template <class Flight>
class Flights {
 public:
  explicit Flights(Lane& lane) : lane_(lane) {}

  CallId add(std::unique_ptr<Flight> flight) {
    const CallId id = next_id_++;
    flights_.emplace(id, std::move(flight));
    return id;
  }

  /// Null: it has ended. Valid until then.
  Flight* find(CallId id) const {
    const auto found = flights_.find(id);
    return found == flights_.end() ? nullptr : found->second.get();
  }

  /// Ends it. Null: it had ended before.
  std::unique_ptr<Flight> take(CallId id) {
    const auto node = flights_.extract(id);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

  /// Null: there is none.
  std::unique_ptr<Flight> take_first() {
    return flights_.empty() ? nullptr : take(flights_.begin()->first);
  }

  /// `then` for as long as the call is under way, and nothing afterwards. To be called on the lane;
  /// to be kept and moved by anybody.
  template <class F>
  auto guarded(CallId id, F then) const {
    return [this, id, alive = std::weak_ptr<char>(alive_),
            then = std::move(then)](auto&&... arguments) mutable {
      if (!alive.expired() && find(id) != nullptr) {
        then(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  /// `then` in a turn of its own, if the call is still under way.
  template <class F>
  void later(CallId id, F then) const {
    lane_.post(guarded(id, std::move(then)));
  }

 private:
  Lane& lane_;
  CallId next_id_ = 1;
  std::map<CallId, std::unique_ptr<Flight>> flights_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tailrace::net
