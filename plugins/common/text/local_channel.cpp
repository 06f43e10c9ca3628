#include "plugins/common/text/local_channel.h"

#include <algorithm>
#include <deque>

namespace tailrace::common::text {

/// Shared with the jobs under way, which may outlive the channel.
struct LocalChannel::State : std::enable_shared_from_this<State> {
  struct Waiting {
    CallId id;
    std::string_view body;
    std::function<void(CallResult)> done;
  };
  struct Job {
    Bytes payload;
    size_t taken = 0;
    Result<size_t> step = size_t{0};
  };

  State(Lane& given_lane, std::shared_ptr<LocalSink> given_sink)
      : lane(given_lane), sink(std::move(given_sink)) {}

  void begin_next();
  void go_on(std::shared_ptr<Job> job);
  void step_done(const std::shared_ptr<Job>& job);
  void answer(Status transport);

  Lane& lane;
  const std::shared_ptr<LocalSink> sink;
  bool closed = false;
  bool busy = false;            // a job is on a worker
  bool cancelled = false;       // nobody waits for it any more
  std::deque<Waiting> waiting;  // the first one is in work when busy, unless cancelled
  CallId last_id = 0;
};

void LocalChannel::State::begin_next() {
  if (busy || closed || waiting.empty()) {
    return;
  }
  auto job = std::make_shared<Job>();
  job->payload = Bytes::copy_of(waiting.front().body);
  busy = true;
  cancelled = false;
  go_on(std::move(job));
}

void LocalChannel::State::go_on(std::shared_ptr<Job> job) {
  lane.offload([job, sink = sink] { job->step = sink->write(job->payload.view(), job->taken); },
               [job, self = shared_from_this()] { self->step_done(job); });
}

void LocalChannel::State::step_done(const std::shared_ptr<Job>& job) {
  if (job->step) {
    job->taken += *job->step;
  }
  const bool whole = job->step && job->taken == job->payload.size();
  if (!whole && (closed || cancelled || !job->step)) {
    sink->give_up();
  } else if (!whole) {
    go_on(job);
    return;
  }
  busy = false;
  if (closed) {
    return;
  }
  if (!cancelled) {
    answer(job->step ? Status() : Status(tl::unexpected<Error>(job->step.error())));
  }
  begin_next();
}

void LocalChannel::State::answer(Status transport) {
  const auto done = std::move(waiting.front().done);
  waiting.pop_front();
  CallResult result;
  result.status = transport ? 200 : 0;
  result.transport = std::move(transport);
  done(std::move(result));
}

LocalChannel::LocalChannel(Lane& lane, std::shared_ptr<LocalSink> sink)
    : state_(std::make_shared<State>(lane, std::move(sink))) {}

LocalChannel::~LocalChannel() {
  state_->closed = true;
  state_->waiting.clear();
}

CallId LocalChannel::call(const Call& call, std::function<void(CallResult)> done) {
  const CallId id = ++state_->last_id;
  state_->waiting.push_back({id, call.body, std::move(done)});
  state_->begin_next();
  return id;
}

void LocalChannel::cancel(CallId id) {
  auto& waiting = state_->waiting;
  const auto found = std::ranges::find(waiting, id, &State::Waiting::id);
  if (found == waiting.end()) {
    return;
  }
  if (found == waiting.begin() && state_->busy && !state_->cancelled) {
    state_->cancelled = true;
  }
  waiting.erase(found);
}

Answer read_local_answer(const CallResult& result) {
  if (result.transport) {
    return {.kind = Answer::Kind::delivered};
  }
  return {.kind = Answer::Kind::retry,
          .reason = to_string(result.transport.error().code),
          .detail = result.transport.error().message};
}

}  // namespace tailrace::common::text
