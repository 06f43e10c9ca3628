#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tailrace/metric_batch.h"
#include "tailrace/output.h"

#include "plugins/common/idle/idle_release.h"
#include "plugins/outputs/prometheus_remote_write/metadata_schedule.h"
#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"
#include "plugins/outputs/prometheus_remote_write/row_group.h"
#include "plugins/outputs/prometheus_remote_write/series_labels.h"
#include "plugins/outputs/prometheus_remote_write/write_body.h"

namespace tailrace::outputs::prometheus_remote_write {

/// Encodes metric batches for Prometheus's remote write, and reads the receiver's answers.
///
/// Shape:    MetricBatches in; per request one WriteRequest (1.0) or Request (2.0) of one tenant
/// and
///           one shard.
/// Units:    timestamps in ms since the epoch; sizes in bytes before compression.
/// Lifetime: the batch is borrowed for the call; its bytes are copied into the open request.
/// Lane:     one instance per lane, nothing shared. Order key: the series, as it is sent.
/// Errors:   see answer.h. A server that does not know 2.0 gets 1.0 from then on.
/// Source:   remote write 1.0 and 2.0; wire-facts section 5.
class RemoteWriteOutput final : public Output {
 public:
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const RemoteWriteConfig> config,
                                              OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  uint32_t format_version() const noexcept override {
    return static_cast<uint32_t>(memory_->sealed_version());
  }

  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

  /// Memory that is kept between requests.
  size_t idle_bytes() const noexcept { return memory_->idle_bytes(); }

 private:
  RemoteWriteOutput(std::shared_ptr<const RemoteWriteConfig> config, OutputContext& context,
                    std::unique_ptr<Channel> channel);

  /// Samples of series that are sent as they came: the short way.
  void append_plain(const MetricBatch& batch, Requests& requests);
  /// Records from `first` on (histograms behind the samples), and the exemplars, by the general
  /// way.
  bool can_send(const NativeHistogram& histogram) const;
  void append_any(const MetricBatch& batch, uint32_t first, Requests& requests);
  /// Appends a run of rows of one tenant and shard, in as many parts as it takes. `done` counts the
  /// batch's records whose weight is given away.
  void append_group(const MetricBatch& batch, const RowGroups::Group& group, uint32_t& done,
                    Requests& requests);
  size_t row_bound(std::span<const common::prom::SeriesRow> rows,
                   const common::prom::SeriesRow* before) const noexcept;
  const SeriesLabels& labels_of(const MetricSeries& series);
  void add_left_exemplars();
  void add_row(const MetricSeries& series, common::prom::SeriesRow row);

  // Metadata of 1.0, for the next part.
  void look_for_metadata(std::string_view tenant, const MetricFamily* family);
  size_t metadata_bound() const noexcept;
  void append_metadata(WriteBody& body);

  std::shared_ptr<const RemoteWriteConfig> config_;
  OutputContext& context_;
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<BodyMemory> memory_;  // bodies may outlive the output by a moment
  SeriesLabeler labeler_;
  const uint32_t slot_;
  const uint64_t shards_;
  const uint32_t chunk_rows_;
  MetadataSchedule metadata_;
  bool look_for_metadata_ = false;
  const MetricFamily* last_family_ = nullptr;
  std::vector<const MetricFamily*> metadata_due_;
  ExemplarIndex exemplars_;
  RowGroups groups_;

  common::IdleRelease idle_;
};

}  // namespace tailrace::outputs::prometheus_remote_write
