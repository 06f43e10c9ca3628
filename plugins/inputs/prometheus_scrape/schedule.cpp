#include "plugins/inputs/prometheus_scrape/schedule.h"

#include <algorithm>
#include <utility>

namespace tailrace::inputs::prometheus_scrape {

namespace {

constexpr int64_t kEarlyNs = 1'000'000;

}  // namespace

Scheduled::~Scheduled() {
  if (schedule_ != nullptr) {
    schedule_->remove(*this);
  }
}

Schedule::Schedule(Lane& lane) : lane_(lane), timer_(lane.timer([this] { serve(); })) {}

Schedule::~Schedule() {
  for (Scheduled* item : heap_) {
    item->schedule_ = nullptr;
  }
}

void Schedule::set(Scheduled& item, int64_t due_ns) {
  item.due_ns_ = due_ns;
  if (item.schedule_ == nullptr) {
    item.schedule_ = this;
    item.place_ = heap_.size();
    heap_.push_back(&item);
  }
  up(item.place_);
  down(item.place_);
  arm();
}

void Schedule::remove(Scheduled& item) {
  if (item.schedule_ != this) {
    return;
  }
  const size_t place = item.place_;
  swap_places(place, heap_.size() - 1);
  heap_.pop_back();
  item.schedule_ = nullptr;
  if (place < heap_.size()) {
    Scheduled* moved = heap_[place];
    up(place);
    down(moved->place_);
  }
}

void Schedule::serve() {
  armed_ = false;
  serving_ = true;
  const int64_t now = lane_.clock().monotonic_ns();
  // Timers count in whole milliseconds: one that fires a little early is not worth another wake-up.
  while (!heap_.empty() && heap_.front()->due_ns_ <= now + kEarlyNs) {
    Scheduled& item = *heap_.front();
    remove(item);
    item.on_due();
  }
  serving_ = false;
  arm();
}

void Schedule::arm() {
  if (serving_ || heap_.empty()) {
    return;
  }
  const int64_t due = heap_.front()->due_ns_;
  if (armed_ && armed_for_ns_ <= due) {
    return;  // wakes up too early at worst, and then sets itself again
  }
  armed_ = true;
  armed_for_ns_ = due;
  const std::chrono::nanoseconds left(std::max<int64_t>(due - lane_.clock().monotonic_ns(), 0));
  timer_->start(std::chrono::ceil<std::chrono::milliseconds>(left));
}

void Schedule::swap_places(size_t a, size_t b) {
  std::swap(heap_[a], heap_[b]);
  heap_[a]->place_ = a;
  heap_[b]->place_ = b;
}

void Schedule::up(size_t place) {
  while (place > 0) {
    const size_t parent = (place - 1) / 2;
    if (heap_[parent]->due_ns_ <= heap_[place]->due_ns_) {
      return;
    }
    swap_places(parent, place);
    place = parent;
  }
}

void Schedule::down(size_t place) {
  while (true) {
    size_t least = place;
    for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size(); ++child) {
      if (heap_[child]->due_ns_ < heap_[least]->due_ns_) {
        least = child;
      }
    }
    if (least == place) {
      return;
    }
    swap_places(least, place);
    place = least;
  }
}

Rhythm::Rhythm(uint64_t hash, Duration interval)
    : interval_(std::max<int64_t>(interval.count(), 1)) {
  const auto offset = static_cast<int64_t>(hash % static_cast<uint64_t>(interval_));
  const int64_t slot = std::clamp<int64_t>(interval_ / 20, 1, kSlotNs);
  offset_ = offset - offset % slot;
}

int64_t Rhythm::first(int64_t wall_ns) const noexcept {
  const int64_t begin = wall_ns - wall_ns % interval_;
  const int64_t due = begin + offset_;
  return due >= wall_ns ? due : due + interval_;
}

int64_t Rhythm::next(int64_t due_ns, int64_t wall_ns) const noexcept {
  const int64_t due = due_ns + interval_;
  if (due - wall_ns > interval_ + interval_ / 2) {
    return first(wall_ns);  // the clock was set back
  }
  if (due < wall_ns) {
    return first(wall_ns);
  }
  return due;
}

int64_t Rhythm::timestamp_ns(int64_t due_ns, int64_t wall_ns) const noexcept {
  const int64_t tolerance = std::min(interval_ / 100, kToleranceNs);
  const int64_t late = wall_ns - due_ns;
  return late <= tolerance && late >= -tolerance ? due_ns : wall_ns;
}

}  // namespace tailrace::inputs::prometheus_scrape
