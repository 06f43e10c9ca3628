#include "plugins/inputs/prometheus_remote_write/receiver.h"

#include <algorithm>

#include "tailrace/block.h"
#include "tailrace/plugin.h"

#include "codec/snappy.h"
#include "plugins/inputs/prometheus_remote_write/write_head.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::prom::DecodedSeries;
using common::prom::WriteReader;
using common::prom::WriteTotals;
using common::prom::WriteVersion;

namespace {

/// Source bytes for which credit is asked: what the samples become, and samples of few bytes need
/// room as well.
size_t credit_bytes(const WriteTotals& totals, size_t body_size) {
  const uint64_t by_records = totals.records() / kMaxUnitRecords * kMaxBlockBytes;
  return std::max<uint64_t>({totals.bytes, body_size, by_records, 1});
}

/// 2.0: how much was written, on success and on failure.
Headers written_headers(const WriteTotals& totals) {
  return {{std::string(common::prom::kSamplesWrittenHeader), std::to_string(totals.samples)},
          {std::string(common::prom::kHistogramsWrittenHeader), std::to_string(totals.histograms)},
          {std::string(common::prom::kExemplarsWrittenHeader), std::to_string(totals.exemplars)}};
}

}  // namespace

Receiver::Receiver(std::shared_ptr<const WriteReceiverConfig> config, InputContext& context)
    : BodyReceiver(*config, context), config_(std::move(config)) {}

Receiver::~Receiver() {
  close();
}

bool Receiver::is_ready_path(std::string_view path) const {
  return path == "/ready" || path == "/-/ready";
}

bool Receiver::is_body_path(std::string_view path) const {
  return is_write_path(path);
}

Status Receiver::check_head(const HttpRequestHead& head) const {
  const auto version = read_write_head(head);
  return version ? Status() : tl::unexpected(version.error());
}

int Receiver::status_of(ErrorCode code) const {
  return code == ErrorCode::unsupported ? 415 : BodyReceiver::status_of(code);
}

Headers Receiver::error_headers(const HttpRequestHead& head) const {
  if (is_write_path(head.path)) {
    const auto version = read_write_head(head);
    if (version && *version == WriteVersion::v2) {
      return written_headers({});
    }
  }
  return {};
}

void Receiver::release_scratch() {
  reader_.release();
  filler_.release();
}

void Receiver::on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                             Reservation& memory) {
  const auto checked =
      check(exchange->head(), body_and_padding.view().substr(0, body_size), memory);
  if (!checked) {
    refuse(*exchange, checked.error());
    return;
  }
  const WriteTotals& totals = checked->totals;
  if (totals.records() + totals.exemplars > 0 &&
      !admit(*exchange, credit_bytes(totals, checked->body.size()))) {
    return;
  }
  count_taken(body_size);
  take(exchange, *checked, body_size);
}

Result<Receiver::Checked> Receiver::check(const HttpRequestHead& head, std::string_view body,
                                          Reservation& memory) {
  const auto version = read_write_head(head);
  if (!version) {
    return tl::unexpected(version.error());
  }
  if (body.empty()) {
    return fail(ErrorCode::invalid, "the body is empty");
  }
  const uint64_t limit = config_->max_decompressed_bytes();
  const auto declared = codec::snappy_declared_size(body);
  if (!declared) {
    return tl::unexpected(declared.error());
  }
  // A length over the limit is refused by snappy_uncompress, without memory.
  if (*declared <= limit) {
    if (const Status room =
            memory.grow(*declared + WriteReader::scratch_bytes(*version, *declared));
        !room) {
      return tl::unexpected(room.error());
    }
  }
  auto unpacked = codec::snappy_uncompress(body, limit);
  if (!unpacked) {
    return tl::unexpected(unpacked.error());
  }
  const auto totals = reader_.check(*version, unpacked->view());
  if (!totals) {
    return tl::unexpected(totals.error());
  }
  if (const Status tenant = check_tenant(head); !tenant) {
    return tl::unexpected(tenant.error());
  }
  return Checked{*version, std::move(*unpacked), *totals};
}

/// Everything was checked and there is room: from here on nothing can be refused.
void Receiver::take(const ExchangePtr& exchange, const Checked& checked, size_t body_size) {
  if (checked.totals.metadata > 0) {
    reader_.read_metadata(checked.body.view(),
                          [this](const auto& metadata) { families_.learn(metadata); });
  }
  Reply done;
  if (checked.version == WriteVersion::v2) {
    done.headers = written_headers(checked.totals);
  }
  const bool waits = config_->ack == common::receiver::Ack::settled &&
                     checked.totals.records() + checked.totals.exemplars > 0;
  const std::string_view tenant = tenant_of(exchange->head());
  {
    // Held until all of the body is pushed, so that it cannot be released half-way.
    const ReceiptRef receipt = waits ? replies().open(exchange, body_size, done) : ReceiptRef();
    Arena& arena = context().lane().arena();
    uint64_t pushed = 0;
    context().feed().begin_unit();
    reader_.read(checked.version, checked.body.view(), arena, [&](const DecodedSeries& series) {
      filler_.add(series, families_, config_->tenant_label, tenant, arena);
      if (filler_.full()) {
        push(series.offset - pushed, receipt.get());
        pushed = series.offset;
        context().feed().begin_unit();
      }
    });
    if (!filler_.empty()) {
      push(checked.body.size() - pushed, receipt.get());
    }
    filler_.clear();
  }
  if (!waits) {
    reply(*exchange, std::move(done));
  }
}

void Receiver::push(uint64_t source_bytes, Receipt* receipt) {
  MetricBatch batch = filler_.batch();
  batch.receipt = receipt;
  batch.source_bytes = source_bytes;
  context().feed().push(batch);
  filler_.clear();
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
}

}  // namespace tailrace::inputs::prometheus_remote_write

namespace tailrace {

extern const PluginDescriptor inputs_prometheus_remote_write_plugin;
const PluginDescriptor inputs_prometheus_remote_write_plugin =
    define_input<inputs::prometheus_remote_write::Receiver,
                 inputs::prometheus_remote_write::WriteReceiverConfig>(
        {.name = "prometheus_remote_write",
         .summary = "Receives metrics over remote write 1.0 and 2.0: from Prometheus, vmagent, "
                    "Grafana Alloy, or another tailrace.",
         .signals = inputs::prometheus_remote_write::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        inputs::prometheus_remote_write::write_receiver_schema);

}  // namespace tailrace
