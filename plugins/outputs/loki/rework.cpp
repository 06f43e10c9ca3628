#include "plugins/outputs/loki/rework.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "codec/proto_reader.h"
#include "codec/proto_writer.h"
#include "codec/snappy.h"
#include "plugins/common/loki/entry_writer.h"

namespace tailrace::outputs::loki {
namespace {

using tailrace::loki::kEntriesField;
using tailrace::loki::kLabelsField;
using tailrace::loki::kStreamsField;

struct Stream {
  std::string_view labels;
  std::string_view content;  // the whole StreamAdapter
};

/// Entries of one part: all of it, or some.
struct Item {
  const Stream* stream;
  std::string_view entries;
  uint32_t origin;
  Weight weight;
};

tl::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::corrupt, std::move(message));
}

Result<std::vector<Stream>> streams_of(std::string_view body) {
  std::vector<Stream> streams;
  codec::ProtoReader request(body);
  while (request.next()) {
    if (request.field() != kStreamsField) {
      request.skip();
      continue;
    }
    Stream& stream = streams.emplace_back();
    stream.content = request.bytes();
    codec::ProtoReader fields(stream.content);
    while (fields.next()) {
      if (fields.field() == kLabelsField) {
        stream.labels = fields.bytes();
        break;
      }
      fields.skip();
    }
    if (!fields.ok()) {
      return corrupt("a stream of the payload does not decode");
    }
  }
  if (!request.ok()) {
    return corrupt("the payload is no push request");
  }
  return streams;
}

/// The parts in the order in which they lie in the body.
Result<std::vector<Item>> items_of(std::string_view body, const std::vector<Stream>& streams,
                                   std::span<const PartRange> parts) {
  std::vector<Item> items;
  for (uint32_t i = 0; i < parts.size(); ++i) {
    const PartRange& part = parts[i];
    if (part.offset > body.size() || part.length > body.size() - part.offset) {
      return corrupt("a part lies outside of the payload");
    }
    const std::string_view entries = body.substr(part.offset, part.length);
    // The last stream that begins before the part; streams are in the order of the body.
    auto stream =
        std::upper_bound(streams.begin(), streams.end(), entries.data(),
                         [](const char* at, const Stream& s) { return at < s.content.data(); });
    if (stream == streams.begin()) {
      return corrupt("a part lies outside of every stream");
    }
    --stream;
    if (entries.data() + entries.size() > stream->content.data() + stream->content.size()) {
      return corrupt("a part does not end within its stream");
    }
    items.push_back({&*stream, entries, i, part.weight});
  }
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.entries.data() < b.entries.data();
  });
  return items;
}

/// Where each entry of a part begins, and the end of the last.
Result<std::vector<size_t>> borders_of(std::string_view entries) {
  std::vector<size_t> borders;
  codec::ProtoReader fields(entries);
  const char* at = entries.data();
  while (fields.next()) {
    borders.push_back(static_cast<size_t>(at - entries.data()));
    if (fields.field() != kEntriesField) {
      return corrupt("a part holds something else than entries");
    }
    const std::string_view entry = fields.bytes();
    at = entry.data() + entry.size();
  }
  if (!fields.ok()) {
    return corrupt("a part does not end between two entries");
  }
  borders.push_back(entries.size());
  return borders;
}

class Builder {
 public:
  explicit Builder(BodyCompression compression) : compression_(compression) {}

  /// A body of these items; those of one stream follow each other.
  void add(std::span<const Item> items) {
    ReworkedBody& body = out_.bodies.emplace_back();
    body.format_version = 1;
    std::string text;
    for (size_t i = 0; i < items.size();) {
      const Stream* stream = items[i].stream;
      size_t length = codec::bytes_field_size(kLabelsField, stream->labels.size());
      size_t end = i;
      for (; end < items.size() && items[end].stream == stream; ++end) {
        length += items[end].entries.size();
      }
      const size_t head = codec::bytes_field_size(kStreamsField, length) - length +
                          codec::bytes_field_size(kLabelsField, stream->labels.size());
      const size_t at = text.size();
      text.resize(at + head);
      char* to = codec::write_bytes_header(text.data() + at, kStreamsField, length);
      codec::write_bytes_field(to, kLabelsField, stream->labels);
      for (; i < end; ++i) {
        body.parts.push_back({static_cast<uint32_t>(text.size()),
                              static_cast<uint32_t>(items[i].entries.size()), items[i].weight});
        body.origin.push_back(items[i].origin);
        text += items[i].entries;
      }
    }
    const std::string_view piece = text;
    body.payload = compression_ == BodyCompression::none ? codec::snappy_literals({&piece, 1})
                                                         : codec::snappy_compress({&piece, 1});
  }
  void refuse(const Item& item) {
    out_.refused.push_back({item.origin, item.weight, "line_too_large"});
  }
  Rework take() { return std::move(out_); }

 private:
  BodyCompression compression_;
  Rework out_;
};

/// Index that divides the items in two halves of about the same size, neither empty.
size_t middle_of(std::span<const Item> items) {
  size_t total = 0;
  for (const Item& item : items) {
    total += item.entries.size();
  }
  size_t before = 0;
  size_t cut = 0;
  while (cut + 1 < items.size() && (cut == 0 || before + items[cut].entries.size() <= total / 2)) {
    before += items[cut++].entries.size();
  }
  return cut;
}

/// `whole` × part / of, without overflow.
uint64_t share(uint64_t whole, uint64_t part, uint64_t of) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(whole) * part / of);
}

Status split_item(const Item& item, Builder& builder) {
  const auto borders = borders_of(item.entries);
  if (!borders) {
    return tl::unexpected(borders.error());
  }
  const size_t count = borders->size() - 1;
  if (count <= 1) {
    builder.refuse(item);
    return {};
  }
  // The first border behind the middle, if that leaves something for the second half.
  size_t cut = 1;
  while (cut + 1 < count && (*borders)[cut] < item.entries.size() / 2) {
    ++cut;
  }
  const size_t at = (*borders)[cut];
  Item first = item;
  first.entries = item.entries.substr(0, at);
  first.weight = {share(item.weight.records, cut, count),
                  share(item.weight.bytes, at, item.entries.size())};
  Item second = item;
  second.entries = item.entries.substr(at);
  second.weight = item.weight - first.weight;
  builder.add({&first, 1});
  builder.add({&second, 1});
  return {};
}

}  // namespace

Result<Rework> rework_push(const SealedView& request, ReworkReason reason,
                           BodyCompression compression) {
  if (reason == ReworkReason::unknown_format) {
    return fail(ErrorCode::unsupported, "Loki's push API has one format only");
  }
  const auto body = codec::snappy_uncompress(request.payload, UINT32_MAX);
  if (!body) {
    return corrupt("the payload is " + body.error().message);
  }
  const auto streams = streams_of(body->view());
  if (!streams) {
    return tl::unexpected(streams.error());
  }
  const auto items = items_of(body->view(), *streams, request.parts);
  if (!items) {
    return tl::unexpected(items.error());
  }
  Builder builder(compression);
  const std::span<const Item> all(*items);
  if (reason == ReworkReason::blame_source) {
    for (const Item& item : all) {
      builder.add({&item, 1});
    }
  } else if (all.size() == 1) {
    if (Status split = split_item(all[0], builder); !split) {
      return tl::unexpected(split.error());
    }
  } else if (!all.empty()) {
    const size_t cut = middle_of(all);
    builder.add(all.subspan(0, cut));
    builder.add(all.subspan(cut));
  }
  return builder.take();
}

}  // namespace tailrace::outputs::loki
