#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "delivery/spool.h"

namespace tailrace::testkit {

/// A spool in memory that answers when the lane is next turned. Keeps order and budget like the
/// real one; fails on demand.
class MemorySpool final : public delivery::Spool {
 public:
  explicit MemorySpool(uint64_t bytes = UINT64_MAX) : budget(bytes) {}

  struct Record {
    delivery::Envelope envelope;
    std::string payload;
  };
  std::map<uint64_t, Record> records;  // by offset, oldest first
  bool full = false;                   // appends fail with no_space
  bool corrupt = false;                // reads fail
  uint64_t budget;

  bool reserve(const delivery::Envelope&, size_t size) noexcept override {
    if (used_ + size > budget) {
      return false;
    }
    used_ += size;
    return true;
  }
  void unreserve(const delivery::Envelope&, size_t size) noexcept override { used_ -= size; }
  uint64_t free_budget() const noexcept override { return budget - used_; }

  void append(Lane& lane, delivery::Envelope envelope, Bytes payload,
              std::function<void(Appended)> done) override {
    auto result = std::make_shared<Appended>();
    if (full) {
      used_ -= payload.size();
      result->status = fail(ErrorCode::no_space, "the disk is full");
      result->payload = std::move(payload);
    } else {
      result->ref = {1, ++last_offset_, static_cast<uint32_t>(payload.size())};
      records[last_offset_] = {std::move(envelope), std::string(payload.view())};
    }
    lane.post([result, done = std::move(done)] { done(std::move(*result)); });
  }
  void read(Lane& lane, delivery::SpoolRef ref, std::function<void(Result<Bytes>)> done) override {
    auto result = std::make_shared<Result<Bytes>>(Bytes::copy_of(records.at(ref.offset).payload));
    if (corrupt) {
      *result = fail(ErrorCode::corrupt, "checksum");
    }
    lane.post([result, done = std::move(done)] { done(std::move(*result)); });
  }
  void settled(delivery::SpoolRef ref) override {
    used_ -= ref.payload_size;
    records.erase(ref.offset);
  }
  delivery::SpoolStats stats() const override { return {}; }

 private:
  uint64_t used_ = 0;
  uint64_t last_offset_ = 0;
};

}  // namespace tailrace::testkit
