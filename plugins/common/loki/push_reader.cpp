#include "plugins/common/loki/push_reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/check.h"

#include "codec/proto_reader.h"
#include "codec/timestamp.h"
#include "plugins/common/loki/entry_writer.h"
#include "plugins/common/loki/label_text.h"

namespace tailrace::loki {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMostSeconds = INT64_MAX / kSecond - 1;
/// Unescaped text that may gather before it is given back.
constexpr size_t kTextBytes = 512 * 1024;
/// A chunk ends with the entry that reaches this, so with one of usual size it is within a block.
constexpr size_t kChunkBytes = kMaxBlockBytes / 2;

size_t entry_bytes(std::string_view line, std::span<const MetaPair> pairs) noexcept {
  size_t bytes = line.size();
  for (const MetaPair& pair : pairs) {
    bytes += pair.name.size() + pair.value.size();
  }
  return bytes;
}

/// First pass: counts.
struct Counting {
  PushTotals totals;
  Arena& text;

  void stream(std::span<const Label>) { ++totals.streams; }
  void entry(int64_t, std::string_view line, std::span<const MetaPair> pairs) {
    ++totals.entries;
    totals.bytes += entry_bytes(line, pairs);
    if (text.reserved_bytes() > kTextBytes) {
      text.reset(0);
    }
  }
  void end_stream() {}
};

/// Second pass: gathers chunks.
struct Chunking {
  PushChunk& chunk;
  Arena& text;
  const std::function<void(PushChunk&)>& take;
  size_t bytes = 0;

  void stream(std::span<const Label> labels) { chunk.labels = labels; }
  void entry(int64_t timestamp, std::string_view line, std::span<const MetaPair> pairs) {
    const size_t size = entry_bytes(line, pairs);
    chunk.timestamps.push_back(timestamp);
    chunk.lines.push_back(line);
    chunk.sizes.push_back(static_cast<uint32_t>(size));
    MetaSpan span;
    if (!pairs.empty()) {
      MetaPair* copy = text.array<MetaPair>(pairs.size());
      std::copy(pairs.begin(), pairs.end(), copy);
      span = {copy, static_cast<uint32_t>(pairs.size())};
      chunk.any_metadata = true;
    }
    chunk.metadata.push_back(span);
    bytes += size;
    if (chunk.lines.size() == kMaxUnitRecords || bytes >= kChunkBytes) {
      hand_over();
    }
  }
  void end_stream() { hand_over(); }
  void hand_over() {
    if (!chunk.lines.empty()) {
      take(chunk);
    }
    chunk.timestamps.clear();
    chunk.lines.clear();
    chunk.sizes.clear();
    chunk.metadata.clear();
    chunk.any_metadata = false;
    bytes = 0;
    text.reset();
  }
};

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid, std::move(message));
}

Result<int64_t> read_timestamp(std::string_view message) {
  codec::ProtoReader fields(message);
  int64_t seconds = 0;
  int64_t nanos = 0;
  while (fields.next()) {
    switch (fields.field()) {
      case 1:
        seconds = static_cast<int64_t>(fields.varint());
        break;
      case 2:
        nanos = static_cast<int32_t>(fields.varint());
        break;
      default:
        fields.skip();
    }
  }
  if (!fields.ok()) {
    return invalid("an entry's timestamp is not decodable");
  }
  if (seconds > kMostSeconds || seconds < -kMostSeconds || nanos < 0 || nanos >= kSecond) {
    return invalid(
        fmt::format("an entry's timestamp of {} s, {} ns is out of range", seconds, nanos));
  }
  return seconds * kSecond + nanos;
}

bool read_pair(std::string_view message, MetaPair& pair) {
  codec::ProtoReader fields(message);
  while (fields.next()) {
    switch (fields.field()) {
      case 1:
        pair.name = fields.bytes();
        break;
      case 2:
        pair.value = fields.bytes();
        break;
      default:
        fields.skip();
    }
  }
  return fields.ok();
}

Status check_metadata_name(std::string_view name) {
  if (is_metadata_name(name)) {
    return {};
  }
  return invalid(fmt::format("structured metadata has the name \"{}\", without a letter or digit",
                             name.substr(0, 100)));
}

}  // namespace

// ---- protobuf ---------------------------------------------------------------------------------

template <class Sink>
Status PushReader::walk_protobuf(std::string_view body, Sink& sink) {
  codec::ProtoReader request(body);
  while (request.next()) {
    if (request.field() != kStreamsField) {
      request.skip();
      continue;
    }
    const std::string_view stream = request.bytes();
    if (!request.ok()) {
      break;
    }
    if (Status walked = walk_stream(stream, sink); !walked) {
      return walked;
    }
  }
  return request.ok() ? Status() : Status(invalid("the body is not a protobuf PushRequest"));
}

template <class Sink>
Status PushReader::walk_stream(std::string_view stream, Sink& sink) {
  // The labels may come behind the entries, though nobody writes them so.
  codec::ProtoReader search(stream);
  std::string_view text;
  bool found = false;
  while (!found && search.next()) {
    found = search.field() == kLabelsField;
    if (found) {
      text = search.bytes();
    } else {
      search.skip();
    }
  }
  if (!search.ok()) {
    return invalid("a stream is not decodable");
  }
  label_text_.reset();
  if (Status parsed = parse_label_string(text, label_text_, labels_); !parsed) {
    return parsed;
  }
  if (Status good = check_labels(); !good) {
    return good;
  }
  sink.stream(labels_);
  codec::ProtoReader fields(stream);
  while (fields.next()) {
    if (fields.field() != kEntriesField) {
      fields.skip();
      continue;
    }
    const std::string_view entry = fields.bytes();
    if (!fields.ok()) {
      break;
    }
    if (Status walked = walk_entry(entry, sink); !walked) {
      return walked;
    }
  }
  if (!fields.ok()) {
    return invalid("a stream is not decodable");
  }
  sink.end_stream();
  return {};
}

template <class Sink>
Status PushReader::walk_entry(std::string_view entry, Sink& sink) {
  codec::ProtoReader fields(entry);
  std::string_view time;
  std::string_view line;
  bool has_time = false;
  pairs_.clear();
  while (fields.next()) {
    switch (fields.field()) {
      case kTimestampField:
        time = fields.bytes();
        has_time = true;
        break;
      case kLineField:
        line = fields.bytes();
        break;
      case kMetadataField:
        if (!read_pair(fields.bytes(), pairs_.emplace_back())) {
          return invalid("an entry's structured metadata is not decodable");
        }
        if (Status good = check_metadata_name(pairs_.back().name); !good) {
          return good;
        }
        break;
      default:
        fields.skip();
    }
  }
  if (!fields.ok()) {
    return invalid("an entry is not decodable");
  }
  if (!has_time) {
    return invalid("an entry has no timestamp");
  }
  const auto timestamp = read_timestamp(time);
  if (!timestamp) {
    return tl::unexpected(timestamp.error());
  }
  sink.entry(*timestamp, line, pairs_);
  return {};
}

// ---- JSON -------------------------------------------------------------------------------------

template <class Sink>
Status PushReader::walk_json(std::string_view body, Sink& sink) {
  Status status;
  bool found = false;
  const bool whole =
      json_.each_padded_field(body, text_, [&](std::string_view key, codec::JsonValue& value) {
        if (key != "streams") {
          return true;
        }
        found = true;
        const bool is_list = value.each_item([&](codec::JsonValue& stream) {
          status = walk_json_stream(stream, sink);
          return status.has_value();
        });
        if (status && !is_list) {
          status = invalid("\"streams\" is not a list, or broken");
        }
        return status.has_value();
      });
  if (!status) {
    return status;
  }
  if (!whole) {
    return invalid("the body is not a JSON object, or broken");
  }
  return found ? Status() : Status(invalid("the body has no \"streams\""));
}

template <class Sink>
Status PushReader::walk_json_stream(codec::JsonValue& value, Sink& sink) {
  auto stream = value.object();
  if (!stream) {
    return invalid("a stream is not an object");
  }
  label_text_.reset();
  labels_.clear();
  if (auto labels = stream->find("stream")) {
    if (Status read = read_json_labels(*labels); !read) {
      return read;
    }
  } else if (auto text = stream->find("labels")) {
    std::string_view label_string;
    if (text->type() != codec::JsonType::string || !text->text(label_string)) {
      return invalid("\"labels\" is not a string");
    }
    if (Status parsed = parse_label_string(label_text_.copy(label_string), label_text_, labels_);
        !parsed) {
      return parsed;
    }
  }
  if (Status good = check_labels(); !good) {
    return good;
  }
  sink.stream(labels_);
  Status walked;
  if (auto values = stream->find("values")) {
    walked = walk_json_values(*values, sink);
  } else if (auto entries = stream->find("entries")) {
    walked = walk_json_entries(*entries, sink);
  }
  if (walked) {
    sink.end_stream();
  }
  return walked;
}

template <class Sink>
Status PushReader::walk_json_values(codec::JsonValue& values, Sink& sink) {
  Status status;
  const bool is_list = values.each_item([&](codec::JsonValue& entry) {
    int place = 0;
    int64_t timestamp = 0;
    std::string_view line;
    pairs_.clear();
    const bool entry_is_list = entry.each_item([&](codec::JsonValue& value) {
      std::string_view text;
      switch (place++) {
        case 0: {
          if (value.type() != codec::JsonType::string || !value.text(text)) {
            status = invalid("an entry's timestamp is not a string");
            break;
          }
          const auto [end, error] =
              std::from_chars(text.data(), text.data() + text.size(), timestamp);
          if (error != std::errc() || end != text.data() + text.size()) {
            status = invalid(fmt::format(
                "an entry's timestamp \"{}\" is not a number of nanoseconds", text.substr(0, 40)));
          }
          break;
        }
        case 1:
          if (value.type() != codec::JsonType::string || !value.text(line)) {
            status = invalid("an entry's line is not a string");
          }
          break;
        case 2:
          status = read_json_metadata(value);
          break;
        default:
          status = invalid("an entry has more than timestamp, line and metadata");
      }
      return status.has_value();
    });
    if (status && (!entry_is_list || place < 2)) {
      status = invalid("an entry is not a list of timestamp and line");
    }
    if (status) {
      sink.entry(timestamp, line, pairs_);
    }
    return status.has_value();
  });
  if (status && !is_list) {
    status = invalid("\"values\" is not a list, or broken");
  }
  return status;
}

template <class Sink>
Status PushReader::walk_json_entries(codec::JsonValue& entries, Sink& sink) {
  Status status;
  pairs_.clear();
  const bool is_list = entries.each_item([&](codec::JsonValue& entry) {
    int64_t timestamp = 0;
    bool has_time = false;
    std::string_view line;
    const bool is_object = entry.each_field([&](std::string_view key, codec::JsonValue& value) {
      std::string_view text;
      if (key != "ts" && key != "timestamp" && key != "line") {
        return true;
      }
      if (value.type() != codec::JsonType::string || !value.text(text)) {
        status = invalid(fmt::format("an entry's \"{}\" is not a string", key));
      } else if (key == "line") {
        line = text;
      } else {
        has_time = codec::parse_rfc3339(text, timestamp);
      }
      return status.has_value();
    });
    if (status && !is_object) {
      status = invalid("an entry is not an object, or broken");
    }
    if (status && !has_time) {
      status = invalid("an entry has no timestamp as RFC 3339 writes it");
    }
    if (status) {
      sink.entry(timestamp, line, pairs_);
    }
    return status.has_value();
  });
  if (status && !is_list) {
    status = invalid("\"entries\" is not a list, or broken");
  }
  return status;
}

Status PushReader::read_json_labels(codec::JsonValue& stream) {
  Status status;
  const bool is_object = stream.each_field([&](std::string_view name, codec::JsonValue& value) {
    std::string_view text;
    if (value.type() != codec::JsonType::string || !value.text(text)) {
      status = invalid(fmt::format("label \"{}\" is not a string", name.substr(0, 100)));
    } else if (!is_label_name(name)) {
      status = invalid(fmt::format("\"{}\" is not a label name", name.substr(0, 100)));
    } else if (!text.empty()) {
      // Later entries may empty the arena that the text lies in.
      labels_.push_back({label_text_.copy(name), label_text_.copy(text)});
    }
    return status.has_value();
  });
  if (status && !is_object) {
    status = invalid("\"stream\" is not an object, or broken");
  }
  return status;
}

Status PushReader::read_json_metadata(codec::JsonValue& value) {
  Status status;
  const bool is_object = value.each_field([&](std::string_view name, codec::JsonValue& inner) {
    if (inner.type() == codec::JsonType::object &&
        (name == "structuredMetadata" || name == "parsed")) {
      // The form in which Loki's own proxies wrap it. What was parsed is not sent on.
      if (name == "structuredMetadata") {
        status = read_json_metadata(inner);
      }
      return status.has_value();
    }
    std::string_view text;
    if (inner.type() != codec::JsonType::string || !inner.text(text)) {
      status = invalid(fmt::format("metadata \"{}\" is not a string", name.substr(0, 100)));
    } else {
      status = check_metadata_name(name);
      pairs_.push_back({name, text});
    }
    return status.has_value();
  });
  if (status && !is_object) {
    status = invalid("an entry's metadata is not an object, or broken");
  }
  return status;
}

Status PushReader::check_labels() {
  if (labels_.empty()) {
    return invalid("a stream has no labels; at least one is needed");
  }
  if (labels_.size() > kMaxLabels) {
    return invalid(fmt::format("a stream has {} labels, more than {}", labels_.size(), kMaxLabels));
  }
  return {};
}

// ---- both -------------------------------------------------------------------------------------

Result<PushTotals> PushReader::check(PushFormat format, std::string_view body) {
  Counting counting{{}, text_};
  const Status walked =
      format == PushFormat::protobuf ? walk_protobuf(body, counting) : walk_json(body, counting);
  text_.reset();
  if (!walked) {
    return tl::unexpected(walked.error());
  }
  return counting.totals;
}

void PushReader::read(PushFormat format, std::string_view body,
                      const std::function<void(PushChunk&)>& take) {
  Chunking chunking{chunk_, text_, take};
  const Status walked =
      format == PushFormat::protobuf ? walk_protobuf(body, chunking) : walk_json(body, chunking);
  TR_CHECK(walked.has_value());
  text_.reset();
}

void PushReader::release() {
  json_.release();
  text_.reset(0);
  label_text_.reset(0);
  chunk_ = {};
}

}  // namespace tailrace::loki
