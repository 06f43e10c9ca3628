#include "plugins/outputs/loki/loki.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "codec/utf8.h"
#include "plugins/common/loki/label_text.h"
#include "plugins/outputs/loki/answer.h"
#include "plugins/outputs/loki/rework.h"

namespace tailrace::outputs::loki {

using tailrace::loki::EntryWriter;

namespace {

constexpr std::string_view kLevelName = "detected_level";

/// Most that a field of level_fields() takes.
constexpr size_t kLevelBytes = 32;
constexpr size_t kSeverities = 25;  // 0 (unset) to 24, as OTLP numbers them

/// The metadata field of every severity, encoded.
const std::array<std::string, kSeverities>& level_fields() {
  static const std::array<std::string, kSeverities> fields = [] {
    std::array<std::string, kSeverities> all;
    for (size_t i = 1; i < all.size(); ++i) {
      const std::string_view level = to_string(static_cast<Severity>(i));
      if (!level.empty()) {
        all[i] = tailrace::loki::encode_metadata_pair(kLevelName, level);
        TR_CHECK(all[i].size() <= kLevelBytes);
      }
    }
    return all;
  }();
  return fields;
}

/// Its own field, or those of an OpenTelemetry record, which Loki reads the level from itself.
bool has_level(MetaSpan metadata) noexcept {
  return std::any_of(metadata.pairs, metadata.pairs + metadata.count, [](const MetaPair& pair) {
    return pair.name == kLevelName || pair.name == "severity_text" ||
           pair.name == "severity_number";
  });
}

bool all_valid(std::string_view line, MetaSpan metadata) noexcept {
  return codec::valid_utf8(line) &&
         std::all_of(metadata.pairs, metadata.pairs + metadata.count, [](const MetaPair& pair) {
           return codec::valid_utf8(pair.name) && codec::valid_utf8(pair.value);
         });
}

}  // namespace

Result<std::unique_ptr<Output>> LokiOutput::make(std::shared_ptr<const LokiConfig> config,
                                                 OutputContext& context) {
  auto channel = context.http_channel(config->http);
  if (!channel) {
    return tl::unexpected(channel.error());
  }
  return std::unique_ptr<Output>(new LokiOutput(std::move(config), context, std::move(*channel)));
}

LokiOutput::LokiOutput(std::shared_ptr<const LokiConfig> config, OutputContext& context,
                       std::unique_ptr<Channel> channel)
    : config_(std::move(config)),
      context_(context),
      channel_(std::move(channel)),
      memory_(std::make_shared<BodyMemory>(config_->compression)),
      slot_(context.lane().labels().new_slot()),
      unnamed_(context.metrics().counter(
          "output_unnamed_metadata_total",
          "Structured metadata left out because its name has no letter or digit.")),
      idle_(context.lane(), [this] { memory_->release(); }) {}

std::unique_ptr<RequestBody> LokiOutput::new_body() {
  return std::make_unique<PushBody>(memory_);
}

StreamLabels& LokiOutput::stream_of(const Labels& labels) {
  auto* known = static_cast<StreamLabels*>(labels.attachment(slot_));
  if (known == nullptr) [[unlikely]] {
    auto made = make_stream_labels(labels, *config_);
    known = made.get();
    labels.attach(slot_, std::move(made));
  }
  return *known;
}

void LokiOutput::append(const Batch& batch, Requests& requests) noexcept {
  TR_ASSERT(batch_cast<LogBatch>(batch) != nullptr);
  const auto& logs = static_cast<const LogBatch&>(batch);
  if (logs.size == 0) {
    return;
  }
  idle_.used();
  StreamLabels& stream = stream_of(*logs.labels);
  for (uint32_t from = 0; from < logs.size;) {
    const Run run = next_run(logs, from);
    append_run(logs, run, stream, requests);
    from = run.to;
  }
}

std::string_view LokiOutput::level_of(const LogBatch& batch, uint32_t record) const noexcept {
  if (batch.severities == nullptr || !config_->detected_level || !config_->structured_metadata) {
    return {};
  }
  const auto number = static_cast<size_t>(batch.severities[record]);
  if (number == 0 || number >= kSeverities || has_level(metadata_of(batch, record))) {
    return {};
  }
  return level_fields()[number];
}

MetaSpan LokiOutput::metadata_of(const LogBatch& batch, uint32_t record) const noexcept {
  return batch.metadata != nullptr && config_->structured_metadata ? batch.metadata[record]
                                                                   : MetaSpan{};
}

MetaSpan LokiOutput::sendable(MetaSpan metadata) {
  const auto is_good = [](const MetaPair& pair) {
    return tailrace::loki::is_metadata_name(pair.name);
  };
  const MetaPair* const end = metadata.pairs + metadata.count;
  const MetaPair* const bad = std::find_if_not(metadata.pairs, end, is_good);
  if (bad == end) [[likely]] {
    return metadata;
  }
  auto* good = context_.lane().arena().array<MetaPair>(metadata.count);
  MetaPair* const good_end = std::copy_if(metadata.pairs, end, good, is_good);
  const auto kept = static_cast<uint32_t>(good_end - good);
  unnamed_.add(metadata.count - kept);
  context_.log().warn(
      "metadata_name",
      fmt::format("structured metadata named \"{}\" is left out: Loki takes no name "
                  "without a letter or digit",
                  codec::make_valid_utf8(bad->name.substr(0, 100), context_.lane().arena())));
  return {good, kept};
}

size_t LokiOutput::record_bound(const LogBatch& batch, uint32_t record) const noexcept {
  return EntryWriter::entry_bound(batch.bodies[record], {}, metadata_of(batch, record)) +
         (batch.severities != nullptr ? kLevelBytes : 0);
}

LokiOutput::Run LokiOutput::next_run(const LogBatch& batch, uint32_t from) const noexcept {
  const size_t limit = context_.batch_bytes();
  Run run{from, from, tailrace::loki::kWriteSlack};
  if (batch.metadata == nullptr && batch.severities == nullptr) {
    for (; run.to < batch.size; ++run.to) {
      const size_t bound = tailrace::loki::kEntryOverhead + batch.bodies[run.to].size();
      if (run.bound + bound > limit && run.to > from) [[unlikely]] {
        break;
      }
      run.bound += bound;
    }
    return run;
  }
  for (; run.to < batch.size; ++run.to) {
    const size_t bound = record_bound(batch, run.to);
    if (run.bound + bound > limit && run.to > from) {
      break;
    }
    run.bound += bound;
  }
  return run;
}

void LokiOutput::append_run(const LogBatch& batch, const Run& run, StreamLabels& stream,
                            Requests& requests) {
  Weight weight;
  if (run.from == 0 && run.to == batch.size) {
    weight = batch.weight();
  } else {
    for (uint32_t i = run.from; i < run.to; ++i) {
      weight += batch.record_weight(i);
    }
  }
  uint32_t part = 0;
  auto& body = static_cast<PushBody&>(requests.part(stream.tenant, stream.order_hash,
                                                    run.bound + stream.field.size(), weight, part));
  char* to = body.begin_piece(stream, run.bound);
  to = batch.metadata == nullptr && batch.severities == nullptr ? write_plain(batch, run, body, to)
                                                                : write_full(batch, run, body, to);
  body.end_piece(to, part);
}

char* LokiOutput::write_plain(const LogBatch& batch, const Run& run, PushBody& body, char* to) {
  EntryWriter writer = writer_;  // in registers, for the loop
  for (uint32_t i = run.from; i < run.to; ++i) {
    char* const entry = to;
    to = writer.write(to, batch.timestamps[i], batch.bodies[i], {}, {});
    if (!writer.text_was_ascii()) [[unlikely]] {
      to = repair(body, entry, to, run.bound, batch.timestamps[i], batch.bodies[i], {}, {});
    }
  }
  writer_ = writer;
  return to;
}

char* LokiOutput::write_full(const LogBatch& batch, const Run& run, PushBody& body, char* to) {
  EntryWriter writer = writer_;
  for (uint32_t i = run.from; i < run.to; ++i) {
    char* const entry = to;
    const std::string_view level = level_of(batch, i);
    const MetaSpan metadata = sendable(metadata_of(batch, i));
    to = writer.write(to, batch.timestamps[i], batch.bodies[i], level, metadata);
    if (!writer.text_was_ascii()) [[unlikely]] {
      to =
          repair(body, entry, to, run.bound, batch.timestamps[i], batch.bodies[i], level, metadata);
    }
  }
  writer_ = writer;
  return to;
}

/// The entry at [entry, end) holds text beyond ASCII. Protobuf strings are UTF-8, and one that is
/// not may cost the whole request: what is not valid is written anew with U+FFFD in place of the
/// invalid parts. `bound_left` bytes stay free behind the entry. Returns the entry's end.
char* LokiOutput::repair(PushBody& body, char* entry, char* end, size_t bound_left,
                         int64_t timestamp, std::string_view line, std::string_view level,
                         MetaSpan metadata) {
  if (all_valid(line, metadata)) [[likely]] {
    return end;
  }
  Arena& arena = context_.lane().arena();
  line = codec::make_valid_utf8(line, arena);
  auto* pairs = arena.array<MetaPair>(metadata.count);
  for (uint32_t i = 0; i < metadata.count; ++i) {
    pairs[i] = {codec::make_valid_utf8(metadata.pairs[i].name, arena),
                codec::make_valid_utf8(metadata.pairs[i].value, arena)};
  }
  metadata.pairs = pairs;
  char* to = body.more_room(entry, EntryWriter::entry_bound(line, level, metadata) + bound_left);
  EntryWriter writer;
  return writer.write(to, timestamp, line, level, metadata);
}

void LokiOutput::describe_call(const SealedView& request, Call& call) {
  call.method = "POST";
  call.url = config_->url;
  call.headers.emplace_back("Content-Type", "application/x-protobuf");
  if (!request.tenant.empty()) {
    call.headers.emplace_back("X-Scope-OrgID", std::string(request.tenant));
  }
  call.timeout = std::chrono::ceil<std::chrono::milliseconds>(config_->timeout);
}

Answer LokiOutput::read_answer(const SealedView& request, const CallResult& result) {
  Weight weight;
  for (const PartRange& part : request.parts) {
    weight += part.weight;
  }
  return read_push_answer(result, {.records = weight.records,
                                   .parts = request.parts.size(),
                                   .several_tenants = !config_->tenant_label.empty(),
                                   .wall_ns = context_.lane().clock().wall_ns()});
}

Result<Rework> LokiOutput::rework(const SealedView& request, ReworkReason reason) const {
  return rework_push(request, reason, config_->compression);
}

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}

}  // namespace tailrace::outputs::loki

namespace tailrace {

extern const PluginDescriptor outputs_loki_plugin;
const PluginDescriptor outputs_loki_plugin =
    define_output<outputs::loki::LokiOutput, outputs::loki::LokiConfig>(
        {.name = "loki",
         .summary = "Pushes logs to Grafana Loki, or to whatever speaks its push API.",
         .signals = outputs::loki::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = false},
        outputs::loki::loki_schema);

}  // namespace tailrace
