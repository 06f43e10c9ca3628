#include "rows_output.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "row_batch.h"

namespace tailrace::contract {

namespace {

/// Lines of text; piece i belongs to part i.
class LinesBody final : public RequestBody {
 public:
  size_t bytes() const noexcept override { return text_.size(); }
  Bytes seal(std::span<PartRange> parts) override {
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].offset = starts_[i];
      parts[i].length =
          (i + 1 < starts_.size() ? starts_[i + 1] : static_cast<uint32_t>(text_.size())) -
          starts_[i];
    }
    Bytes payload = Bytes::copy_of(text_);
    text_.clear();
    starts_.clear();
    return payload;
  }
  void begin_piece() { starts_.push_back(static_cast<uint32_t>(text_.size())); }
  void add(std::string_view line) { text_.append(line); }

 private:
  std::string text_;
  std::vector<uint32_t> starts_;
};

void write_row(const RowBatch& rows, uint32_t i, std::string& line) {
  char digits[64];
  line.append(rows.series[i]).push_back(' ');
  line.append(digits, std::to_chars(digits, std::end(digits), rows.values[i]).ptr).push_back(' ');
  line.append(digits, std::to_chars(digits, std::end(digits), rows.timestamp_ms).ptr)
      .push_back('\n');
}

/// A run of whole lines that belongs to one part.
struct Run {
  uint32_t origin;
  std::string_view lines;
  Weight weight;
};

/// Gives `count` of the part's rows, with their share of its bytes, to the first of two runs.
std::pair<Run, Run> split(const Run& run, size_t at, uint64_t count) {
  const Weight first{count, run.weight.bytes * count / run.weight.records};
  return {{run.origin, run.lines.substr(0, at), first},
          {run.origin, run.lines.substr(at), run.weight - first}};
}

ReworkedBody body_of(const std::vector<Run>& runs, uint32_t format_version) {
  ReworkedBody body;
  body.format_version = format_version;
  std::string text;
  for (const Run& run : runs) {
    body.parts.push_back(
        {static_cast<uint32_t>(text.size()), static_cast<uint32_t>(run.lines.size()), run.weight});
    body.origin.push_back(run.origin);
    text += run.lines;
  }
  body.payload = Bytes::copy_of(text);
  return body;
}

}  // namespace

const Schema& rows_output_schema() {
  static const Schema schema = Schema::of<RowsOutputConfig>({
      option("url", &RowsOutputConfig::url, "Where to write.").required(),
      option("timeout", &RowsOutputConfig::timeout, "Longest wait for an answer.")
          .range("1ms", "10m"),
  });
  return schema;
}

Result<std::unique_ptr<Output>> RowsOutput::make(std::shared_ptr<const RowsOutputConfig> config,
                                                 OutputContext& context) {
  auto channel = context.http_channel({});
  if (!channel) {
    return tl::unexpected<Error>(channel.error());
  }
  return std::unique_ptr<Output>(
      std::make_unique<RowsOutput>(std::move(config), std::move(*channel)));
}

std::unique_ptr<RequestBody> RowsOutput::new_body() {
  return std::make_unique<LinesBody>();
}

void RowsOutput::append(const Batch& batch, Requests& requests) noexcept {
  const auto* rows = batch_cast<RowBatch>(batch);
  if (rows == nullptr) {
    requests.refuse(batch.weight(), "not_rows", batch.type().name);
    return;
  }
  std::string lines;
  for (uint32_t first = 0; first < rows->size;) {
    lines.clear();
    Weight weight;
    uint32_t next = first;
    for (; next < rows->size && rows->series_hashes[next] == rows->series_hashes[first]; ++next) {
      write_row(*rows, next, lines);
      weight += {1, rows->source_bytes[next]};
    }
    uint32_t part = 0;
    auto& body = static_cast<LinesBody&>(
        requests.part("", rows->series_hashes[first], lines.size(), weight, part));
    body.begin_piece();
    body.add(lines);
    first = next;
  }
}

void RowsOutput::describe_call(const SealedView&, Call& call) {
  call.url = config_->url;
  call.headers = {{"content-type", "text/plain"}};
  call.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(config_->timeout);
}

Answer RowsOutput::read_answer(const SealedView&, const CallResult& result) {
  Answer answer;
  if (!result.transport) {
    answer.kind = Answer::Kind::retry;
    answer.reason = to_string(result.transport.error().code);
    answer.detail = result.transport.error().message;
    return answer;
  }
  answer.reason = "http_" + std::to_string(result.status);
  answer.detail = result.body.substr(0, 200);
  if (result.status / 100 == 2) {
    answer.kind = Answer::Kind::delivered;
  } else if (result.status == 413) {
    answer.kind = Answer::Kind::too_large;
  } else if (result.status == 400) {
    answer.kind = Answer::Kind::refused;
  } else {
    answer.kind = Answer::Kind::retry;
  }
  return answer;
}

Result<Rework> RowsOutput::rework(const SealedView& request, ReworkReason reason) const {
  if (reason != ReworkReason::too_large) {
    return fail(ErrorCode::unsupported, "rows are only ever cut smaller");
  }
  std::vector<Run> runs;
  uint64_t rows = 0;
  for (uint32_t i = 0; i < request.parts.size(); ++i) {
    const PartRange& part = request.parts[i];
    if (static_cast<uint64_t>(part.offset) + part.length > request.payload.size()) {
      return fail(ErrorCode::corrupt, "a part lies outside of the body");
    }
    runs.push_back({i, request.payload.substr(part.offset, part.length), part.weight});
    if (std::ranges::count(runs.back().lines, '\n') !=
        static_cast<ptrdiff_t>(part.weight.records)) {
      return fail(ErrorCode::corrupt, "a part has other rows than its table says");
    }
    rows += part.weight.records;
  }
  Rework out;
  if (rows < 2) {
    for (const Run& run : runs) {
      out.refused.push_back({run.origin, run.weight, "row_too_large"});
    }
    return out;
  }
  // Half of the rows, in their order, whatever parts they belong to.
  std::vector<Run> first;
  std::vector<Run> second;
  uint64_t left = rows / 2;
  for (const Run& run : runs) {
    if (left == 0) {
      second.push_back(run);
    } else if (run.weight.records <= left) {
      left -= run.weight.records;
      first.push_back(run);
    } else {
      size_t at = 0;
      for (uint64_t i = 0; i < left; ++i) {
        at = run.lines.find('\n', at) + 1;
      }
      auto [head, tail] = split(run, at, left);
      left = 0;
      first.push_back(head);
      second.push_back(tail);
    }
  }
  out.bodies.push_back(body_of(first, request.format_version));
  out.bodies.push_back(body_of(second, request.format_version));
  return out;
}

}  // namespace tailrace::contract
