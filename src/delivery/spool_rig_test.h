#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "delivery/spool.h"
#include "testkit/crash_fs.h"
#include "testkit/manual_lane.h"

namespace tailrace::delivery {

/// Record number `id` of a test: its bytes follow from the number.
inline Envelope test_envelope(uint64_t id) {
  Envelope envelope;
  envelope.tenant = "tenant-" + std::to_string(id % 3);
  envelope.order_key = id;
  envelope.sources = {{"pods", "logs"}, {"apps", "logs"}};
  for (uint32_t part = 0; part < 1 + id % 4; ++part) {
    envelope.parts.push_back({part % 2, {part * 10, 10, {id + part, 7 * id}}});
  }
  return envelope;
}

inline std::string test_payload(uint64_t id) {
  std::string payload = "record " + std::to_string(id) + " ";
  const size_t size = payload.size() + (id * 37) % 400;
  while (payload.size() < size) {
    payload += static_cast<char>('a' + (payload.size() * 7 + id) % 26);
  }
  return payload;
}

inline bool same(const Envelope& a, const Envelope& b) {
  auto parts = [](const Envelope& e) {
    std::vector<std::tuple<uint32_t, uint32_t, uint32_t, uint64_t, uint64_t>> parts;
    for (const auto& part : e.parts) {
      parts.emplace_back(part.source, part.range.offset, part.range.length,
                         part.range.weight.records, part.range.weight.bytes);
    }
    return parts;
  };
  return a.format_version == b.format_version && a.tenant == b.tenant &&
         a.order_key == b.order_key && a.sources == b.sources && parts(a) == parts(b);
}

/// A spool with its thread and one lane, over a disk of the test's.
struct SpoolRig {
  explicit SpoolRig(loop::FileLayer& files, SpoolOptions options = small_segments()) {
    auto opened = Spool::open(files, thread, options, recovered);
    if (opened) {
      spool = std::move(*opened);
    } else {
      failure = opened.error();
    }
  }

  static SpoolOptions small_segments() {
    SpoolOptions options;
    options.directory = "/state/spool";
    options.segment_bytes = 2048;
    return options;
  }

  /// Starts an append; its answer comes into `answers` when the lane is turned.
  void start_append(uint64_t id) {
    const Envelope envelope = test_envelope(id);
    const std::string payload = test_payload(id);
    REQUIRE(spool->reserve(envelope, payload.size()));
    spool->append(lane, envelope, Bytes::copy_of(payload), [this, id](Spool::Appended appended) {
      answers.insert_or_assign(id, std::move(appended));
    });
  }
  Spool::Appended& await(uint64_t id) {
    REQUIRE(lane.turn_until([&] { return answers.count(id) != 0; }));
    return answers.at(id);
  }
  Status append(uint64_t id) {
    start_append(id);
    return await(id).status;
  }

  Result<std::string> read(SpoolRef ref) {
    Result<std::string> text = fail(ErrorCode::internal, "no answer");
    bool answered = false;
    spool->read(lane, ref, [&](Result<Bytes> payload) {
      answered = true;
      if (payload) {
        text = std::string(payload->view());
      } else {
        text = tl::unexpected<Error>(payload.error());
      }
    });
    REQUIRE(lane.turn_until([&] { return answered; }));
    return text;
  }

  /// Waits until the spool thread has done all that was asked before: it has come to a read that
  /// was asked for later, twice.
  void settle_down() {
    for (int i = 0; i < 2; ++i) {
      static_cast<void>(read({~0ull, 0, 0}));
    }
  }

  std::vector<uint64_t> recovered_ids() const {
    std::vector<uint64_t> ids;
    for (const RecoveredRecord& record : recovered) {
      ids.push_back(record.envelope.order_key);
    }
    return ids;
  }

  testkit::ManualLane lane;
  SpoolThread thread;
  std::map<uint64_t, Spool::Appended> answers;
  std::vector<RecoveredRecord> recovered;
  std::unique_ptr<Spool> spool;
  Error failure;
};

}  // namespace tailrace::delivery
