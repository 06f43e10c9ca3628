#include "plugins/outputs/prometheus_remote_write/prometheus_remote_write.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "plugins/outputs/prometheus_remote_write/answer.h"
#include "plugins/outputs/prometheus_remote_write/rework.h"

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::SeriesRow;
using common::prom::SeriesWriterV2;
using common::prom::WriteVersion;

namespace {

/// Rows that are measured, then written, while what was read of them is still in the cache.
constexpr uint32_t kChunkRows = 1024;
/// Series that the loop is ahead with its reads.
constexpr uint32_t kAhead = 16;

/// Rows of a part, so that a whole number of parts makes `max_samples_per_send`.
uint32_t chunk_rows(uint32_t most) noexcept {
  if (most == 0) {
    return kChunkRows;
  }
  const uint32_t parts = (most + kChunkRows - 1) / kChunkRows;
  return most / parts;
}

HttpClientConfig http_of(const RemoteWriteConfig& config) {
  HttpClientConfig http = config.http;
  if (http.sigv4 && http.sigv4->service.empty()) {
    http.sigv4->service = "aps";  // as Prometheus signs: Amazon Managed Service for Prometheus
  }
  return http;
}

}  // namespace

Result<std::unique_ptr<Output>> RemoteWriteOutput::make(
    std::shared_ptr<const RemoteWriteConfig> config, OutputContext& context) {
  auto channel = context.http_channel(http_of(*config));
  if (!channel) {
    return tl::unexpected(channel.error());
  }
  return std::unique_ptr<Output>(
      new RemoteWriteOutput(std::move(config), context, std::move(*channel)));
}

RemoteWriteOutput::RemoteWriteOutput(std::shared_ptr<const RemoteWriteConfig> config,
                                     OutputContext& context, std::unique_ptr<Channel> channel)
    : config_(std::move(config)),
      context_(context),
      channel_(std::move(channel)),
      memory_(std::make_shared<BodyMemory>(config_->protobuf_message)),
      labeler_(*config_),
      slot_(context.lane().labels().new_slot()),
      shards_(context.shards()),
      chunk_rows_(chunk_rows(config_->queue_config.max_samples_per_send.value_or(0))),
      metadata_(context.lane().clock(), config_->metadata_config.send_interval),
      idle_(context.lane(), [this] { memory_->release(); }) {}

std::unique_ptr<RequestBody> RemoteWriteOutput::new_body() {
  const auto most = config_->queue_config.max_samples_per_send;
  return std::make_unique<WriteBody>(memory_, most ? *most - chunk_rows_ + 1 : 0);
}

void RemoteWriteOutput::append(const Batch& any, Requests& requests) noexcept {
  TR_ASSERT(batch_cast<MetricBatch>(any) != nullptr);
  const auto& batch = static_cast<const MetricBatch&>(any);
  if (batch.records() == 0 && batch.exemplars.empty()) {
    return;
  }
  idle_.used();
  look_for_metadata_ = config_->metadata_config.send && memory_->version() == WriteVersion::v1 &&
                       batch.size > 0 && metadata_.begin_batch(batch.series[0]->hash);
  last_family_ = nullptr;
  const bool with_exemplars = config_->send_exemplars && !batch.exemplars.empty();
  uint32_t first = 0;
  if (shards_ == 1 && !labeler_.changes_anything() && !with_exemplars &&
      memory_->version() == WriteVersion::v1) {
    append_plain(batch, requests);
    first = batch.size;
  }
  if (first < batch.records() || with_exemplars) {
    append_any(batch, first, requests);
  }
}

void RemoteWriteOutput::append_plain(const MetricBatch& batch, Requests& requests) {
  const size_t limit = context_.batch_bytes();
  for (uint32_t from = 0; from < batch.size;) {
    size_t bound = 0;
    uint32_t to = from;
    const uint32_t last = std::min(batch.size, from + chunk_rows_);
    for (; to < last; ++to) {
      if (to + kAhead < batch.size) {
        __builtin_prefetch(batch.series[to + kAhead]);
      }
      const MetricSeries& series = *batch.series[to];
      const size_t row = series.encoded_labels.size() + common::prom::kRowOverheadV1;
      if (bound + row > limit && to > from) [[unlikely]] {
        break;
      }
      bound += row;
      if (look_for_metadata_) [[unlikely]] {
        look_for_metadata(config_->tenant, series.family);
      }
    }
    uint32_t part = 0;
    auto& body = static_cast<WriteBody&>(requests.part(config_->tenant, 0, bound + metadata_bound(),
                                                       batch.weight_of(from, to), part));
    const WriteVersion version = body.version();
    body.begin_part(part);
    if (version == WriteVersion::v1) [[likely]] {
      body.append_samples(batch.series + from, batch.timestamps + from, batch.values + from,
                          to - from, bound);
      append_metadata(body);
    } else {
      // It was begun before the server turned out not to know 2.0.
      for (uint32_t i = from; i < to; ++i) {
        SeriesRow row;
        row.labels = batch.series[i]->encoded_labels;
        row.family = batch.series[i]->family;
        row.timestamp = batch.timestamps[i];
        row.value = batch.values[i];
        row.created = batch.created != nullptr ? batch.created[i] : 0;
        body.append_rows({&row, 1});
      }
      metadata_due_.clear();
    }
    body.end_part();
    from = to;
  }
}

const SeriesLabels& RemoteWriteOutput::labels_of(const MetricSeries& series) {
  auto* known = static_cast<SeriesLabels*>(series.attachments.get(slot_));
  if (known == nullptr) [[unlikely]] {
    auto made = labeler_.make(series.encoded_labels);
    known = made.get();
    series.attachments.set(slot_, std::move(made));
  }
  return *known;
}

/// Puts a row into its group, with the series as it is sent. A series that is not sent is left out.
void RemoteWriteOutput::add_row(const MetricSeries& series, SeriesRow row) {
  row.family = series.family;
  std::string_view tenant = config_->tenant;
  uint64_t hash = series.hash;
  if (labeler_.changes_anything()) {
    const SeriesLabels& own = labels_of(series);
    if (own.encoded.empty()) {
      return;
    }
    row.labels = own.encoded;
    tenant = own.tenant;
    hash = own.hash;
  } else {
    row.labels = series.encoded_labels;
  }
  groups_.add(tenant, hash % shards_, row);
}

/// 1.0 has no field for custom buckets.
/// Source: Prometheus storage/remote/queue_manager.go, nhcb_in_rw1_not_supported.
bool RemoteWriteOutput::can_send(const NativeHistogram& histogram) const {
  if (histogram.schema != common::prom::kCustomBuckets || memory_->version() == WriteVersion::v2) {
    return true;
  }
  context_.log().warn("custom_buckets",
                      "remote write 1.0 cannot carry histograms with custom buckets; they are left "
                      "out (protobuf_message: io.prometheus.write.v2.Request sends them)");
  return false;
}

void RemoteWriteOutput::append_any(const MetricBatch& batch, uint32_t first, Requests& requests) {
  const bool histograms = config_->send_native_histograms || memory_->version() == WriteVersion::v2;
  exemplars_.assign(config_->send_exemplars ? batch.exemplars : std::span<const ExemplarRow>());
  uint32_t done = first;
  const uint32_t records = batch.records();
  // Chunks of as many rows as there are shards for: each gets parts of about the usual size.
  const uint64_t chunk = std::min<uint64_t>(chunk_rows_ * shards_, 16 * kChunkRows);
  uint32_t from = first;
  do {
    const auto to = static_cast<uint32_t>(std::min<uint64_t>(records, from + chunk));
    groups_.clear();
    for (uint32_t i = from; i < to; ++i) {
      SeriesRow row;
      const MetricSeries* series = nullptr;
      if (i < batch.size) {
        series = batch.series[i];
        row.timestamp = batch.timestamps[i];
        row.value = batch.values[i];
        row.created = batch.created != nullptr ? batch.created[i] : 0;
      } else if (const HistogramRow& given = batch.histograms[i - batch.size];
                 histograms && can_send(*given.histogram)) {
        series = given.series;
        row.timestamp = given.timestamp;
        row.created = given.created;
        row.histogram = given.histogram;
      } else {
        continue;
      }
      if (!exemplars_.empty()) {
        row.exemplars = exemplars_.take(series);
      }
      add_row(*series, row);
    }
    if (to == records && !exemplars_.empty()) {
      add_left_exemplars();
    }
    for (const RowGroups::Group& group : groups_.groups()) {
      append_group(batch, group, done, requests);
    }
    if (done < to) {
      requests.filtered(batch.weight_of(done, to));
      done = to;
    }
    from = to;
  } while (from < records);
}

/// Exemplars whose series has no sample here go as Prometheus sends all of them: by themselves.
void RemoteWriteOutput::add_left_exemplars() {
  for (const MetricSeries* series : exemplars_.left()) {
    SeriesRow row;
    row.only_exemplars = true;
    row.exemplars = exemplars_.take(series);
    add_row(*series, row);
  }
}

size_t RemoteWriteOutput::row_bound(std::span<const SeriesRow> rows,
                                    const SeriesRow* before) const noexcept {
  return memory_->version() == WriteVersion::v1 ? common::prom::series_size_v1(rows)
                                                : SeriesWriterV2::bound(rows, before);
}

void RemoteWriteOutput::append_group(const MetricBatch& batch, const RowGroups::Group& group,
                                     uint32_t& done, Requests& requests) {
  const size_t limit = context_.batch_bytes();
  const std::span<const SeriesRow> rows = group.rows;
  for (size_t from = 0; from < rows.size();) {
    size_t bound = 0;
    size_t to = from;
    uint32_t records = 0;
    const size_t last = std::min<size_t>(rows.size(), from + chunk_rows_);
    for (; to < last; ++to) {
      const SeriesRow& row = rows[to];
      const size_t size = row_bound({&row, 1}, to > from ? &rows[to - 1] : nullptr);
      if (bound + size > limit && to > from) {
        break;
      }
      bound += size;
      records += row.only_exemplars ? 0 : 1;
      if (look_for_metadata_) {
        look_for_metadata(group.tenant, row.family);
      }
    }
    uint32_t part = 0;
    auto& body =
        static_cast<WriteBody&>(requests.part(group.tenant, group.shard, bound + metadata_bound(),
                                              batch.weight_of(done, done + records), part));
    const WriteVersion version = body.version();
    body.begin_part(part);
    body.append_rows(rows.subspan(from, to - from));
    body.end_part();
    if (version == WriteVersion::v1) {
      append_metadata(body);
    }
    metadata_due_.clear();
    done += records;
    from = to;
  }
}

void RemoteWriteOutput::look_for_metadata(std::string_view tenant, const MetricFamily* family) {
  if (family == nullptr || family == last_family_ || family->name.empty()) {
    return;
  }
  last_family_ = family;
  if (metadata_.take(tenant, *family)) {
    metadata_due_.push_back(family);
  }
}

size_t RemoteWriteOutput::metadata_bound() const noexcept {
  size_t bound = 0;
  for (const MetricFamily* family : metadata_due_) {
    bound += family->name.size() + family->help.size() + family->unit.size() + 24;
  }
  return bound;
}

void RemoteWriteOutput::append_metadata(WriteBody& body) {
  for (const MetricFamily* family : metadata_due_) {
    body.append_metadata(*family);
  }
  metadata_due_.clear();
}

void RemoteWriteOutput::describe_call(const SealedView& request, Call& call) {
  const bool is_v2 = request.format_version == static_cast<uint32_t>(WriteVersion::v2);
  call.method = "POST";
  call.url = config_->url;
  call.headers.emplace_back("Content-Encoding", "snappy");
  call.headers.emplace_back(
      "Content-Type", std::string(is_v2 ? common::prom::kWriteTypeV2 : common::prom::kWriteTypeV1));
  call.headers.emplace_back(std::string(common::prom::kWriteVersionHeader),
                            is_v2 ? "2.0.0" : "0.1.0");
  if (!request.tenant.empty()) {
    call.headers.emplace_back("X-Scope-OrgID", std::string(request.tenant));
  }
  if (request.attempt > 0) {
    call.headers.emplace_back("Retry-Attempt", std::to_string(request.attempt));
  }
  call.timeout = std::chrono::ceil<std::chrono::milliseconds>(config_->remote_timeout);
}

Answer RemoteWriteOutput::read_answer(const SealedView& request, const CallResult& result) {
  AnswerContext context;
  context.version = request.format_version == static_cast<uint32_t>(WriteVersion::v2)
                        ? WriteVersion::v2
                        : WriteVersion::v1;
  for (const PartRange& part : request.parts) {
    context.records += part.weight.records;
  }
  if (result.status == 400 && context.version == WriteVersion::v2) {
    context.rows = rows_of(request).value_or(context.records);
  }
  context.retry_on_429 = config_->queue_config.retry_on_http_429;
  context.wall_ns = context_.lane().clock().wall_ns();
  Answer answer = read_write_answer(result, context);
  if (answer.kind == Answer::Kind::unknown_format && memory_->version() == WriteVersion::v2) {
    memory_->set_version(WriteVersion::v1);
    context_.log().info("version", config_->send_native_histograms
                                       ? "the server does not know remote write 2.0; sending 1.0"
                                       : "the server does not know remote write 2.0; sending 1.0, "
                                         "without native histograms (send_native_histograms: true "
                                         "sends them)");
  }
  return answer;
}

Result<Rework> RemoteWriteOutput::rework(const SealedView& request, ReworkReason reason) const {
  return rework_write(request, reason);
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
}

}  // namespace tailrace::outputs::prometheus_remote_write

namespace tailrace {

extern const PluginDescriptor outputs_prometheus_remote_write_plugin;
const PluginDescriptor outputs_prometheus_remote_write_plugin =
    define_output<outputs::prometheus_remote_write::RemoteWriteOutput,
                  outputs::prometheus_remote_write::RemoteWriteConfig>(
        {.name = "prometheus_remote_write",
         .summary = "Writes metrics to Prometheus, Mimir, Thanos, VictoriaMetrics, or whatever "
                    "speaks Prometheus's remote write 1.0 or 2.0.",
         .signals = outputs::prometheus_remote_write::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = false},
        outputs::prometheus_remote_write::remote_write_schema);

}  // namespace tailrace
