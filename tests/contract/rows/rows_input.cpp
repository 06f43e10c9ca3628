#include "rows_input.h"

#include <utility>

#include "tailrace/arena.h"

#include "row_batch.h"

namespace tailrace::contract {

const BatchType RowBatch::kType{"rows", Signal::metrics};

namespace {

uint64_t hash_of_url(std::string_view text) noexcept {
  uint64_t hash = 5381;
  for (const char c : text) {
    hash = hash * 33 + static_cast<unsigned char>(c);
  }
  return hash;
}

}  // namespace

const Schema& rows_input_schema() {
  static const Schema schema = Schema::of<RowsInputConfig>({
      option("urls", &RowsInputConfig::urls, "Pages to fetch.").required(),
      option("every", &RowsInputConfig::every, "Time between two fetches of a page.")
          .range("10ms", "1h"),
      option("max_rows", &RowsInputConfig::max_rows, "A page with more rows is refused.")
          .range("1", "16384"),
  });
  return schema;
}

Result<std::unique_ptr<Input>> RowsInput::make(std::shared_ptr<const RowsInputConfig> config,
                                               InputContext& context) {
  auto channel = context.http_channel({});
  if (!channel) {
    return tl::unexpected<Error>(channel.error());
  }
  return std::unique_ptr<Input>(
      std::make_unique<RowsInput>(std::move(config), context, std::move(*channel)));
}

RowsInput::RowsInput(std::shared_ptr<const RowsInputConfig> config, InputContext& context,
                     std::unique_ptr<Channel> channel)
    : config_(std::move(config)),
      context_(context),
      channel_(std::move(channel)),
      timer_(context.lane().timer([this] { fetch_all(); })),
      accepted_pages_(context.metrics().counter("rows_pages_total", "Pages by what became of them.",
                                                {{"result", "accepted"}})) {
  for (const std::string& url : config_->urls) {
    if (context.lane().owns(hash_of_url(url))) {
      urls_.push_back(url);
    }
  }
}

void RowsInput::start() {
  fetch_all();
}

void RowsInput::stop() {
  stopped_ = true;
  timer_->stop();
}

void RowsInput::fetch_all() {
  for (const std::string& url : urls_) {
    ++under_way_;
    Call call;
    call.method = "GET";
    call.url = url;
    channel_->call(call, [this](CallResult result) {
      --under_way_;
      on_page(result);
      if (context_.once() && under_way_ == 0) {
        context_.finished();
      }
    });
  }
  if (!context_.once()) {
    timer_->start(std::chrono::duration_cast<std::chrono::milliseconds>(config_->every));
  } else if (urls_.empty()) {
    context_.finished();
  }
}

void RowsInput::refuse(size_t records, size_t bytes, const char* reason, const std::string& why) {
  context_.metrics()
      .counter("rows_pages_total", "Pages by what became of them.",
               {{"result", "refused"}, {"reason", reason}})
      .increment();
  context_.feed().lost({records, bytes}, reason, false);
  context_.log().warn(reason, "a page was refused: " + why);
}

void RowsInput::on_page(const CallResult& result) {
  if (stopped_) {
    return;
  }
  if (!result.transport || result.status != 200) {
    refuse(1, 0, "no_page", "the answer was no page; see whether the target works");
    return;
  }
  const std::string_view page = result.body;
  if (const Status read = read_page(page, config_->max_rows, rows_); !read) {
    refuse(1, page.size(), to_string(read.error().code), read.error().message);
    return;
  }
  if (!context_.feed().credit(page.size())) {
    refuse(rows_.size(), page.size(), "no_credit", "an output has no room");
    return;
  }
  hand_over();
  accepted_pages_.increment();
}

void RowsInput::hand_over() {
  if (rows_.empty()) {
    return;
  }
  context_.feed().begin_unit();
  Arena& arena = context_.lane().arena();
  RowBatch batch;
  batch.timestamp_ms = context_.lane().clock().wall_ns() / 1'000'000;
  batch.series = arena.array<std::string_view>(rows_.size());
  batch.series_hashes = arena.array<uint64_t>(rows_.size());
  batch.values = arena.array<double>(rows_.size());
  batch.source_bytes = arena.array<uint32_t>(rows_.size());
  for (const Row& row : rows_) {
    batch.series[batch.size] = row.series;
    batch.series_hashes[batch.size] = row.series_hash;
    batch.values[batch.size] = row.value;
    batch.source_bytes[batch.size] = row.source_bytes;
    ++batch.size;
  }
  context_.feed().push(batch);
}

}  // namespace tailrace::contract
