#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tailrace/log_batch.h"
#include "tailrace/output.h"

#include "plugins/common/idle/idle_release.h"
#include "plugins/common/loki/entry_writer.h"
#include "plugins/outputs/loki/loki_config.h"
#include "plugins/outputs/loki/push_body.h"
#include "plugins/outputs/loki/stream_labels.h"

namespace tailrace::outputs::loki {

/// Encodes log batches for Loki's push API and reads Loki's answers.
///
/// Shape:    LogBatches in; per request one PushRequest of one tenant, one StreamAdapter per
/// stream. Units:    sizes in bytes before compression; timestamps in ns since the epoch. Lifetime:
/// the batch is borrowed for the call; its bytes are copied into the open request. Lane:     one
/// instance per lane, nothing shared. Order key: the stream. Errors:   see answer.h. Source:   Loki
/// HTTP API, POST /loki/api/v1/push; wire-facts section 2.
class LokiOutput final : public Output {
 public:
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const LokiConfig> config,
                                              OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;

  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

  /// Memory that is kept between requests.
  size_t idle_bytes() const noexcept { return memory_->idle_bytes(); }

 private:
  /// Records [from, to) of a batch that go into one piece, and the most that they can take there.
  struct Run {
    uint32_t from;
    uint32_t to;
    size_t bound;
  };

  LokiOutput(std::shared_ptr<const LokiConfig> config, OutputContext& context,
             std::unique_ptr<Channel> channel);

  StreamLabels& stream_of(const Labels& labels);
  std::string_view level_of(const LogBatch& batch, uint32_t record) const noexcept;
  MetaSpan metadata_of(const LogBatch& batch, uint32_t record) const noexcept;
  /// Without what has a name for which Loki refuses the whole request, again and again.
  MetaSpan sendable(MetaSpan metadata);
  size_t record_bound(const LogBatch& batch, uint32_t record) const noexcept;
  Run next_run(const LogBatch& batch, uint32_t from) const noexcept;
  void append_run(const LogBatch& batch, const Run& run, StreamLabels& stream, Requests& requests);
  char* write_plain(const LogBatch& batch, const Run& run, PushBody& body, char* to);
  char* write_full(const LogBatch& batch, const Run& run, PushBody& body, char* to);
  char* repair(PushBody& body, char* entry, char* end, size_t bound_left, int64_t timestamp,
               std::string_view line, std::string_view level, MetaSpan metadata);

  std::shared_ptr<const LokiConfig> config_;
  OutputContext& context_;
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<BodyMemory> memory_;  // bodies may outlive the output by a moment
  const uint32_t slot_;
  tailrace::loki::EntryWriter writer_;
  Counter& unnamed_;

  common::IdleRelease idle_;
};

}  // namespace tailrace::outputs::loki
