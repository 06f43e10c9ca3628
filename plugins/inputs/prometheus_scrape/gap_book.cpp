#include "plugins/inputs/prometheus_scrape/gap_book.h"

#include <algorithm>

#include <fmt/format.h>

namespace tailrace::inputs::prometheus_scrape {

namespace {

constexpr std::string_view kPrefix = "last_scrapes/";
constexpr char kVersion = 1;
constexpr size_t kHeadBytes = 9;
constexpr size_t kEntryBytes = 12;
constexpr int64_t kTenthMs = 100;

void put(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    to.push_back(static_cast<char>(value >> (8 * i)));
  }
}

uint64_t get(std::string_view from, size_t at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(from[at + static_cast<size_t>(i)]))
             << (8 * i);
  }
  return value;
}

}  // namespace

GapBook::GapBook(InputContext& context)
    : context_(context),
      key_(fmt::format("{}{}", kPrefix, context.lane().id())),
      timer_(context.lane().timer([this] { flush(); })) {
  for (const auto& [key, value] : context.checkpoints().at_start()) {
    if (key.starts_with(kPrefix)) {
      read(value);
    }
  }
}

void GapBook::read(std::string_view row) {
  if (row.size() < kHeadBytes || row[0] != kVersion ||
      (row.size() - kHeadBytes) % kEntryBytes != 0) {
    context_.log().warn("last_scrapes",
                        "the times of the last scrapes cannot be read; gaps since the last run "
                        "are not told");
    return;
  }
  const auto base = static_cast<int64_t>(get(row, 1, 8));
  const int64_t now = context_.lane().clock().wall_ns() / 1'000'000;
  for (size_t at = kHeadBytes; at < row.size(); at += kEntryBytes) {
    const uint64_t target = get(row, at, 8);
    const int64_t time = base - static_cast<int64_t>(get(row, at + 8, 4)) * kTenthMs;
    if (context_.lane().owns(target) && now - time < kForgetAfterMs) {
      Last& last = last_[target];
      last.time_ms = std::max(last.time_ms, time);
    }
  }
}

std::optional<int64_t> GapBook::scraped(uint64_t target, int64_t time_ms) {
  Last& last = last_[target];
  std::optional<int64_t> gap;
  if (!last.of_this_run && last.time_ms != 0) {
    gap = std::max<int64_t>(time_ms - last.time_ms, 0);
  }
  last = {time_ms, true};
  if (!timer_->active()) {
    timer_->start(kWriteEvery);
  }
  return gap;
}

void GapBook::forget(uint64_t target) {
  last_.erase(target);
}

void GapBook::flush() {
  timer_->stop();
  if (last_.empty()) {
    context_.checkpoints().erase(key_);
  } else {
    context_.checkpoints().put(key_, row());
  }
  if (wrote_ || context_.lane().id() != 0) {
    wrote_ = true;
    return;
  }
  // Rows of lanes that there are no more; what was in them the other lanes have taken over.
  wrote_ = true;
  for (const auto& [key, value] : context_.checkpoints().at_start()) {
    if (!key.starts_with(kPrefix)) {
      continue;
    }
    bool is_ours = false;
    for (uint32_t lane = 0; lane < context_.lane().count(); ++lane) {
      is_ours = is_ours || key == fmt::format("{}{}", kPrefix, lane);
    }
    if (!is_ours) {
      context_.checkpoints().erase(key);
    }
  }
}

std::string GapBook::row() const {
  int64_t base = 0;
  for (const auto& [target, last] : last_) {
    base = std::max(base, last.time_ms);
  }
  std::string text;
  text.reserve(kHeadBytes + last_.size() * kEntryBytes);
  text.push_back(kVersion);
  put(text, static_cast<uint64_t>(base), 8);
  for (const auto& [target, last] : last_) {
    const int64_t tenths = std::min<int64_t>((base - last.time_ms) / kTenthMs, UINT32_MAX);
    put(text, target, 8);
    put(text, static_cast<uint64_t>(tenths), 4);
  }
  return text;
}

}  // namespace tailrace::inputs::prometheus_scrape
