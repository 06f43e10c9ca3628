#include "plugins/inputs/loki_push/loki_push.h"

#include <algorithm>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

namespace tailrace::inputs::loki_push {

using tailrace::loki::PushChunk;
using tailrace::loki::PushFormat;
using tailrace::loki::PushReader;
using tailrace::loki::PushTotals;

namespace {

/// Source bytes for which credit is asked: entries of no size need room as well.
size_t credit_bytes(const PushTotals& totals) {
  const uint64_t by_entries = totals.entries / kMaxUnitRecords * kMaxBlockBytes;
  return std::max<uint64_t>({totals.bytes, by_entries, 1});
}

}  // namespace

LokiPushInput::LokiPushInput(std::shared_ptr<const LokiPushConfig> config, InputContext& context)
    : BodyReceiver(*config, context), config_(std::move(config)) {}

LokiPushInput::~LokiPushInput() {
  close();
}

bool LokiPushInput::is_ready_path(std::string_view path) const {
  return path == "/ready";
}

bool LokiPushInput::is_body_path(std::string_view path) const {
  return is_push_path(path);
}

Status LokiPushInput::check_head(const HttpRequestHead& head) const {
  const auto form = read_body_form(head);
  return form ? Status() : tl::unexpected(form.error());
}

void LokiPushInput::release_scratch() {
  reader_.release();
}

void LokiPushInput::on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding,
                                  size_t body_size, Reservation& memory) {
  PushFormat format{};
  PushTotals totals;
  const auto body =
      check(exchange->head(), std::move(body_and_padding), body_size, memory, format, totals);
  if (!body) {
    refuse(*exchange, body.error());
  } else if (totals.streams == 0) {
    refuse(*exchange, {422, "the body has no streams"}, "empty");
  } else if (totals.entries == 0) {
    reply(*exchange, {});
  } else if (admit(*exchange, credit_bytes(totals))) {
    count_taken(body_size);
    take(exchange, format, body->view(), body_size);
  }
}

Result<codec::PaddedBytes> LokiPushInput::check(const HttpRequestHead& head, Bytes body_and_padding,
                                                size_t body_size, Reservation& memory,
                                                PushFormat& format, PushTotals& totals) {
  const auto form = read_body_form(head);
  if (!form) {
    return tl::unexpected(form.error());
  }
  if (body_size == 0) {
    return fail(ErrorCode::invalid, "the body is empty");
  }
  format = form->format;
  auto body = unpack_body(*form, std::move(body_and_padding), body_size,
                          config_->max_decompressed_bytes(), memory);
  if (!body) {
    return body;
  }
  if (const Status room = memory.grow(PushReader::scratch_bytes(format, body->size())); !room) {
    return tl::unexpected(room.error());
  }
  const auto checked = reader_.check(format, body->view());
  if (!checked) {
    return tl::unexpected(checked.error());
  }
  totals = *checked;
  if (const Status tenant = check_tenant(head); !tenant) {
    return tl::unexpected(tenant.error());
  }
  return body;
}

/// Everything was checked and there is room: from here on nothing can be refused.
void LokiPushInput::take(const ExchangePtr& exchange, PushFormat format, std::string_view body,
                         size_t body_size) {
  const bool settled = config_->ack == Ack::settled;
  const std::string_view tenant = tenant_of(exchange->head());
  // Held until all of the body is pushed, so that it cannot be released half-way.
  const ReceiptRef receipt = settled ? replies().open(exchange, body_size) : ReceiptRef();
  reader_.read(format, body, [&](PushChunk& chunk) { push_chunk(chunk, tenant, receipt.get()); });
  if (!settled) {
    reply(*exchange, {});
  }
}

void LokiPushInput::push_chunk(PushChunk& chunk, std::string_view tenant, Receipt* receipt) {
  labels_.assign(chunk.labels.begin(), chunk.labels.end());
  if (!tenant.empty()) {
    labels_.push_back({config_->tenant_label, tenant});
  }
  const LabelsPtr labels = context().lane().labels().intern(labels_);
  // Chunks lie in memory of the reader's, so each may have a fresh arena for the processors: what a
  // large body makes them allocate does not add up.
  context().feed().begin_unit();
  LogBatch batch;
  batch.receipt = receipt;
  batch.labels = labels.get();
  batch.size = static_cast<uint32_t>(chunk.lines.size());
  batch.timestamps = chunk.timestamps.data();
  batch.bodies = chunk.lines.data();
  batch.source_bytes = chunk.sizes.data();
  batch.metadata = chunk.any_metadata ? chunk.metadata.data() : nullptr;
  context().feed().push(batch);
}

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}

}  // namespace tailrace::inputs::loki_push

namespace tailrace {

extern const PluginDescriptor inputs_loki_push_plugin;
const PluginDescriptor inputs_loki_push_plugin =
    define_input<inputs::loki_push::LokiPushInput, inputs::loki_push::LokiPushConfig>(
        {.name = "loki_push",
         .summary = "Receives logs over Loki's push API: from Promtail, Alloy, Fluent Bit, "
                    "Grafana's clients, or another tailrace.",
         .signals = inputs::loki_push::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        inputs::loki_push::loki_push_schema);

}  // namespace tailrace
