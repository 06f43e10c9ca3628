#include "plugins/outputs/prometheus_remote_write/rework.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "codec/snappy.h"
#include "plugins/common/prom/write_reader.h"
#include "plugins/outputs/prometheus_remote_write/write_body.h"

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::DecodedSeries;
using common::prom::SeriesRow;
using common::prom::WriteReader;
using common::prom::WriteVersion;

namespace {

tl::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::corrupt, std::move(message));
}

/// Rows of one part: all of them, or some.
struct Item {
  uint32_t origin;
  Weight weight;
  std::vector<SeriesRow> rows;
};

/// A request taken apart into rows, with everything that the rows point to.
class Rows {
 public:
  Result<std::vector<Item>> read(const SealedView& request, WriteVersion version,
                                 std::string_view body) {
    std::vector<Item> items(request.parts.size());
    // Parts in the order in which they lie in the body, for the search below.
    std::vector<uint32_t> order(request.parts.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
      const PartRange& part = request.parts[i];
      if (part.offset > body.size() || part.length > body.size() - part.offset) {
        return corrupt("a part lies outside of the payload");
      }
      order[i] = i;
      items[i].origin = i;
      items[i].weight = part.weight;
    }
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return request.parts[a].offset < request.parts[b].offset;
    });
    bool lost = false;
    WriteReader reader;
    const bool whole = reader.read(version, body, arena_, [&](const DecodedSeries& series) {
      auto after = std::upper_bound(
          order.begin(), order.end(), series.offset,
          [&](size_t at, uint32_t part) { return at < request.parts[part].offset; });
      // Of parts without bytes several may begin at one place; the last one holds the series.
      if (after == order.begin()) {
        lost = true;
        return;
      }
      const PartRange& part = request.parts[*--after];
      if (series.offset >= size_t{part.offset} + part.length) {
        lost = true;
        return;
      }
      add(series, items[*after].rows);
    });
    if (!whole || lost) {
      return corrupt(whole ? "a series lies outside of every part"
                           : "the payload is no write request");
    }
    std::vector<Item> ordered;
    for (const uint32_t i : order) {
      ordered.push_back(std::move(items[i]));
    }
    return ordered;
  }

 private:
  void add(const DecodedSeries& series, std::vector<SeriesRow>& to) {
    SeriesRow row;
    row.labels = series.labels;
    if (series.has_metadata) {
      MetricFamily& family = families_.emplace_back();
      family.type = series.metadata.type;
      family.help = series.metadata.help;
      family.unit = series.metadata.unit;
      row.family = &family;
    }
    row.exemplars = series.exemplars;
    if (series.samples.empty() && series.histograms.empty()) {
      row.only_exemplars = true;
      to.push_back(row);
    }
    for (const auto& sample : series.samples) {
      row.timestamp = sample.timestamp;
      row.value = sample.value;
      row.created = sample.created;
      to.push_back(row);
      row.exemplars = {};
    }
    for (const auto& histogram : series.histograms) {
      row.timestamp = histogram.timestamp;
      row.created = histogram.created;
      row.histogram = &histogram.histogram;
      to.push_back(row);
      row.exemplars = {};
    }
  }

  Arena arena_;
  std::deque<MetricFamily> families_;
};

class Builder {
 public:
  explicit Builder(WriteVersion version)
      : version_(version), memory_(std::make_shared<BodyMemory>(version)) {}

  void add(std::span<const Item> items) {
    ReworkedBody& made = out_.bodies.emplace_back();
    made.format_version = static_cast<uint32_t>(version_);
    WriteBody body(memory_);
    body.version();
    for (const Item& item : items) {
      body.begin_part(static_cast<uint32_t>(made.parts.size()));
      body.append_rows(item.rows);
      body.end_part();
      made.parts.push_back({0, 0, item.weight});
      made.origin.push_back(item.origin);
    }
    made.payload = body.seal(made.parts);
  }
  void refuse(const Item& item) {
    out_.refused.push_back({item.origin, item.weight, "sample_too_large"});
  }
  Rework take() { return std::move(out_); }

 private:
  WriteVersion version_;
  std::shared_ptr<BodyMemory> memory_;
  Rework out_;
};

/// Index that divides the items in two halves of about as many rows, neither empty.
size_t middle_of(std::span<const Item> items) {
  size_t total = 0;
  for (const Item& item : items) {
    total += item.rows.size();
  }
  size_t before = 0;
  size_t cut = 0;
  while (cut + 1 < items.size() && (cut == 0 || before + items[cut].rows.size() <= total / 2)) {
    before += items[cut++].rows.size();
  }
  return cut;
}

/// `whole` × part / of, without overflow.
uint64_t share(uint64_t whole, uint64_t part, uint64_t of) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(whole) * part / of);
}

void split(const Item& item, Builder& builder) {
  const size_t count = item.rows.size();
  if (count <= 1) {
    builder.refuse(item);
    return;
  }
  const size_t cut = count / 2;
  Item first{item.origin, {}, {item.rows.begin(), item.rows.begin() + static_cast<ptrdiff_t>(cut)}};
  first.weight = {share(item.weight.records, cut, count), share(item.weight.bytes, cut, count)};
  Item second{item.origin,
              item.weight - first.weight,
              {item.rows.begin() + static_cast<ptrdiff_t>(cut), item.rows.end()}};
  builder.add({&first, 1});
  builder.add({&second, 1});
}

}  // namespace

Result<Rework> rework_write(const SealedView& request, ReworkReason reason) {
  const auto version = static_cast<WriteVersion>(request.format_version);
  if (version != WriteVersion::v1 && version != WriteVersion::v2) {
    return fail(ErrorCode::unsupported, "a version of remote write that is not known");
  }
  if (reason == ReworkReason::unknown_format && version == WriteVersion::v1) {
    return fail(ErrorCode::unsupported, "there is no format below remote write 1.0");
  }
  const auto body = codec::snappy_uncompress(request.payload, UINT32_MAX);
  if (!body) {
    return corrupt("the payload is " + body.error().message);
  }
  Rows rows;
  auto read = rows.read(request, version, body->view());
  if (!read) {
    return tl::unexpected(read.error());
  }
  const std::span<const Item> items(*read);
  Builder builder(reason == ReworkReason::unknown_format ? WriteVersion::v1 : version);
  if (items.empty()) {
    return builder.take();
  }
  if (reason == ReworkReason::unknown_format) {
    builder.add(items);
  } else if (reason == ReworkReason::blame_source) {
    for (const Item& item : items) {
      builder.add({&item, 1});
    }
  } else if (items.size() == 1) {
    split(items[0], builder);
  } else {
    const size_t cut = middle_of(items);
    builder.add(items.first(cut));
    builder.add(items.subspan(cut));
  }
  return builder.take();
}

}  // namespace tailrace::outputs::prometheus_remote_write
