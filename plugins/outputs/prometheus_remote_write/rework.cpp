#include "plugins/outputs/prometheus_remote_write/rework.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
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
  void refuse(const Item& item, const char* reason) {
    out_.refused.push_back({item.origin, item.weight, reason});
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

/// Rows that come of source records. A converter adds target_info to tell of their resource, every
/// few minutes of their times.
size_t source_rows(const std::vector<SeriesRow>& rows) {
  size_t count = 0;
  for (const SeriesRow& row : rows) {
    bool is_added = false;
    for (const Label& label : EncodedLabels(row.labels)) {
      is_added |= label.name == "__name__" && label.value == "target_info";
    }
    count += is_added ? 0 : 1;
  }
  return count;
}

/// Takes away rows, with their share of the weight.
Item take(Item& from, std::vector<SeriesRow> rows, std::vector<SeriesRow> rest) {
  Item taken{from.origin, {}, std::move(rows)};
  const size_t of_source = source_rows(taken.rows);
  const size_t count = std::max<size_t>(of_source + source_rows(rest), 1);
  taken.weight = {share(from.weight.records, of_source, count),
                  share(from.weight.bytes, of_source, count)};
  from.weight = from.weight - taken.weight;
  from.rows = std::move(rest);
  return taken;
}

void split(Item item, Builder& builder) {
  if (item.rows.size() <= 1) {
    builder.refuse(item, "sample_too_large");
    return;
  }
  const auto cut = item.rows.begin() + static_cast<ptrdiff_t>(item.rows.size() / 2);
  const Item first = take(item, {item.rows.begin(), cut}, {cut, item.rows.end()});
  builder.add({&first, 1});
  builder.add({&item, 1});
}

/// Of how old a sample is beside the youngest of its part: receivers refuse what is too old or out
/// of order (in a page's own timestamps), and with it all that came in the same request.
size_t age_class(int64_t age_ms) {
  constexpr int64_t kMinute = 60'000;
  constexpr std::array<int64_t, 5> kLimits = {kMinute, 10 * kMinute, 30 * kMinute, 60 * kMinute,
                                              120 * kMinute};
  return static_cast<size_t>(std::ranges::lower_bound(kLimits, age_ms) - kLimits.begin());
}

/// One body for each age that there is, the oldest first: a series' samples stay in order.
void add_by_age(Item item, Builder& builder) {
  int64_t youngest = INT64_MIN;
  for (const SeriesRow& row : item.rows) {
    youngest = std::max(youngest, row.only_exemplars ? INT64_MIN : row.timestamp);
  }
  std::map<size_t, std::vector<SeriesRow>, std::greater<>> by_age;
  for (const SeriesRow& row : item.rows) {
    // The age of an exemplar alone does not count: it goes with the youngest.
    const auto age = static_cast<uint64_t>(youngest) - static_cast<uint64_t>(row.timestamp);
    const auto age_ms = static_cast<int64_t>(std::min<uint64_t>(age, INT64_MAX));
    by_age[row.only_exemplars ? 0 : age_class(age_ms)].push_back(row);
  }
  while (by_age.size() > 1) {
    std::vector<SeriesRow> oldest = std::move(by_age.begin()->second);
    by_age.erase(by_age.begin());
    std::vector<SeriesRow> rest;
    for (const auto& [age, rows] : by_age) {
      rest.insert(rest.end(), rows.begin(), rows.end());
    }
    const Item taken = take(item, std::move(oldest), std::move(rest));
    builder.add({&taken, 1});
  }
  builder.add({&item, 1});
}

/// Refuses what 1.0 has no fields for. False: nothing is left.
/// Source: Prometheus storage/remote/queue_manager.go, nhcb_in_rw1_not_supported.
bool keep_for_v1(Item& item, Builder& builder) {
  std::vector<SeriesRow> refused;
  std::vector<SeriesRow> kept;
  for (const SeriesRow& row : item.rows) {
    const bool is_custom =
        row.histogram != nullptr && row.histogram->schema == common::prom::kCustomBuckets;
    (is_custom ? refused : kept).push_back(row);
  }
  if (refused.empty()) {
    return true;
  }
  if (kept.empty()) {
    builder.refuse(item, "custom_buckets");
    return false;
  }
  builder.refuse(take(item, std::move(refused), std::move(kept)), "custom_buckets");
  return true;
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
  std::vector<Item>& items = *read;
  Builder builder(reason == ReworkReason::unknown_format ? WriteVersion::v1 : version);
  if (reason == ReworkReason::unknown_format) {
    std::vector<Item> kept;
    for (Item& item : items) {
      if (keep_for_v1(item, builder)) {
        kept.push_back(std::move(item));
      }
    }
    items = std::move(kept);
  }
  if (items.empty()) {
    return builder.take();
  }
  if (reason == ReworkReason::unknown_format) {
    builder.add(items);
  } else if (reason == ReworkReason::blame_source) {
    for (Item& item : items) {
      add_by_age(std::move(item), builder);
    }
  } else if (items.size() == 1) {
    split(std::move(items[0]), builder);
  } else {
    const size_t cut = middle_of(items);
    builder.add(std::span(items).first(cut));
    builder.add(std::span(items).subspan(cut));
  }
  return builder.take();
}

std::optional<uint64_t> rows_of(const SealedView& request) {
  const auto body = codec::snappy_uncompress(request.payload, UINT32_MAX);
  if (!body) {
    return std::nullopt;
  }
  WriteReader reader;
  const auto totals = reader.check(static_cast<WriteVersion>(request.format_version), body->view());
  return totals ? std::optional(totals->records()) : std::nullopt;
}

}  // namespace tailrace::outputs::prometheus_remote_write
