#include "plugins/common/prom/write_reader.h"

#include <algorithm>
#include <string>

#include "codec/proto_reader.h"
#include "codec/utf8.h"
#include "plugins/common/prom/decoding.h"
#include "plugins/common/prom/label_encoding.h"
#include "plugins/common/prom/series_writer.h"

namespace tailrace::common::prom {

namespace {

using codec::ProtoReader;

/// Series whose decoding may share the arena in check() before it is reset.
constexpr size_t kScratchBytes = 256 * 1024;

/// A pair as our own encoder writes it.
bool is_canonical(std::string_view pair, const Label& label) noexcept {
  const size_t name_field = codec::bytes_field_size(label::kName, label.name.size());
  const size_t value_field = codec::bytes_field_size(label::kValue, label.value.size());
  return pair.size() == name_field + value_field &&
         label.name.data() + label.name.size() == pair.data() + name_field &&
         label.value.data() + label.value.size() == pair.data() + pair.size();
}

bool read_pair(std::string_view pair, Label& out) noexcept {
  out = {};
  ProtoReader fields(pair);
  while (fields.next()) {
    switch (fields.field()) {
      case label::kName:
        out.name = fields.bytes();
        break;
      case label::kValue:
        out.value = fields.bytes();
        break;
      default:
        fields.skip();
    }
  }
  return fields.ok();
}

/// Timestamps must rise within a series; a sender that mixed them up loses nothing.
template <class Records>
void sort_by_time(Records& records) {
  const auto earlier = [](const auto& a, const auto& b) { return a.timestamp < b.timestamp; };
  if (!std::is_sorted(records.begin(), records.end(), earlier)) {
    std::stable_sort(records.begin(), records.end(), earlier);
  }
}

}  // namespace

const char* WriteReader::read_symbols(std::string_view body) {
  symbols_.clear();
  ProtoReader request(body);
  while (request.next()) {
    if (request.field() != v2::request::kSymbols) {
      request.skip();
      continue;
    }
    const std::string_view symbol = request.bytes();
    if (!codec::valid_utf8(symbol)) {
      return "a symbol is not valid UTF-8";
    }
    // Symbols of a few bytes each would take many times the memory of the body.
    if (symbols_.size() > 4096 + body.size() / 8) {
      return "too many symbols for the size of the body";
    }
    symbols_.push_back(symbol);
  }
  if (!request.ok()) {
    return kBroken;
  }
  if (!symbols_.empty() && !symbols_.front().empty()) {
    return "the first symbol must be the empty one";
  }
  return nullptr;
}

const char* WriteReader::check_labels(const std::vector<Label>& labels,
                                      std::string_view& metric) const {
  metric = {};
  std::string_view before;
  for (const Label& label : labels) {
    if (label.name.empty()) {
      return "a label has an empty name";
    }
    if (label.value.empty()) {
      return "a label has an empty value";
    }
    if (label.name <= before) {
      return label.name == before ? "a label comes twice in one series"
                                  : "labels are not sorted by name";
    }
    if (label.name == "__name__") {
      metric = label.value;
    }
    before = label.name;
  }
  return metric.empty() ? "a series has no label __name__" : nullptr;
}

/// Adds one label, and follows how far the labels lie as our own encoder would have written them:
/// from the start of the message, one behind the other.
const char* WriteReader::read_label_v1(std::string_view message, std::string_view pair) {
  Label& label = labels_.emplace_back();
  if (!read_pair(pair, label)) {
    return kBroken;
  }
  if (label.name.empty()) {
    return "a label has an empty name";
  }
  if (!codec::valid_utf8(label.name) || !codec::valid_utf8(label.value)) {
    return "a label is not valid UTF-8";
  }
  const char* expected = labels_.size() == 1 ? message.data() : canonical_end_;
  const size_t head = codec::bytes_field_size(v1::series::kLabels, pair.size()) - pair.size();
  const bool follows = expected != nullptr && pair.data() == expected + head;
  canonical_end_ = follows && is_canonical(pair, label) ? pair.data() + pair.size() : nullptr;
  return nullptr;
}

const char* WriteReader::read_refs(std::string_view packed, std::vector<Label>& out) {
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) {
    uint64_t refs[2];
    for (uint64_t& ref : refs) {
      if (at == end) {
        return "labels_refs has an odd length";
      }
      if (!codec::read_varint(at, end, ref)) {
        return kBroken;
      }
      if (ref >= symbols_.size()) {
        return "a label refers to a symbol that is not there";
      }
    }
    out.push_back({symbols_[refs[0]], symbols_[refs[1]]});
  }
  return nullptr;
}

const char* WriteReader::read_sample(std::string_view message) {
  DecodedSeries::Sample& sample = samples_.emplace_back();
  ProtoReader fields(message);
  while (fields.next()) {
    switch (fields.field()) {
      case sample::kValue:
        sample.value = fields.fixed64();
        break;
      case sample::kTimestamp:
        sample.timestamp = static_cast<int64_t>(fields.varint());
        break;
      case sample::kStartTimestamp:
        sample.created = static_cast<int64_t>(fields.varint());
        break;
      default:
        fields.skip();
    }
  }
  return fields.ok() ? nullptr : kBroken;
}

const char* WriteReader::read_exemplar(WriteVersion version, std::string_view message,
                                       Arena& arena) {
  ExemplarView exemplar;
  exemplar_labels_.clear();
  ProtoReader fields(message);
  while (fields.next()) {
    if (fields.field() == v1::exemplar::kLabels) {
      const std::string_view content = fields.bytes();
      if (version == WriteVersion::v2) {
        if (const char* wrong = read_refs(content, exemplar_labels_); wrong != nullptr) {
          return wrong;
        }
      } else if (Label& label = exemplar_labels_.emplace_back(); !read_pair(content, label)) {
        return kBroken;
      } else if (!codec::valid_utf8(label.name) || !codec::valid_utf8(label.value)) {
        return "a label of an exemplar is not valid UTF-8";
      }
    } else if (fields.field() == exemplar::kValue) {
      exemplar.value = std::bit_cast<double>(fields.fixed64());
    } else if (fields.field() == exemplar::kTimestamp) {
      exemplar.timestamp = static_cast<int64_t>(fields.varint());
    } else {
      fields.skip();
    }
  }
  if (!fields.ok()) {
    return kBroken;
  }
  exemplar.labels = keep(arena, exemplar_labels_);
  exemplars_.push_back(exemplar);
  return nullptr;
}

const char* WriteReader::read_metadata_v2(std::string_view message, MetadataView& out) const {
  out = {};
  ProtoReader fields(message);
  while (fields.next()) {
    const uint32_t field = fields.field();
    if (field != v2::metadata::kType && field != v2::metadata::kHelpRef &&
        field != v2::metadata::kUnitRef) {
      fields.skip();
      continue;
    }
    const uint64_t value = fields.varint();
    if (field == v2::metadata::kType) {
      out.type = metric_type(value);
    } else if (value >= symbols_.size()) {
      return symbols_.empty() && value == 0 ? nullptr
                                            : "metadata refers to a symbol that is not there";
    } else {
      (field == v2::metadata::kHelpRef ? out.help : out.unit) = symbols_[value];
    }
  }
  return fields.ok() ? nullptr : kBroken;
}

const char* WriteReader::decode(WriteVersion version, std::string_view message, Arena& arena,
                                DecodedSeries& out) {
  labels_.clear();
  canonical_end_ = nullptr;
  samples_.clear();
  histograms_.clear();
  exemplars_.clear();
  out.has_metadata = false;
  const bool is_v2 = version == WriteVersion::v2;
  const uint32_t histograms = is_v2 ? v2::series::kHistograms : v1::series::kHistograms;
  const uint32_t exemplars = is_v2 ? v2::series::kExemplars : v1::series::kExemplars;
  const char* wrong = nullptr;
  ProtoReader fields(message);
  while (wrong == nullptr && fields.next()) {
    const uint32_t field = fields.field();
    if (field == v1::series::kLabels) {
      if (is_v2 && fields.wire_type() == codec::WireType::varint) {
        return "labels_refs is not packed";  // proto3 packs; nobody is known who does not
      }
      const std::string_view content = fields.bytes();
      wrong = is_v2 ? read_refs(content, labels_) : read_label_v1(message, content);
    } else if (field == v1::series::kSamples) {
      wrong = read_sample(fields.bytes());
    } else if (field == histograms) {
      wrong = read_histogram(fields.bytes(), arena);
    } else if (field == exemplars) {
      wrong = read_exemplar(version, fields.bytes(), arena);
    } else if (is_v2 && field == v2::series::kMetadata) {
      out.has_metadata = true;
      wrong = read_metadata_v2(fields.bytes(), out.metadata);
    } else {
      fields.skip();
    }
    if (labels_.size() * sizeof(Label) + samples_.size() * sizeof(DecodedSeries::Sample) +
            histograms_.size() * (sizeof(DecodedSeries::Histogram) + 512) +
            exemplars_.size() * (sizeof(ExemplarView) + 128) >
        kMaxSeriesBytes) {
      return "a series has more labels, samples or histograms than are taken";
    }
  }
  if (!fields.ok()) {
    return kBroken;
  }
  if (wrong == nullptr) {
    wrong = check_labels(labels_, out.metric);
  }
  if (wrong != nullptr) {
    return wrong;
  }
  if (canonical_end_ != nullptr) {
    out.labels = {message.data(), static_cast<size_t>(canonical_end_ - message.data())};
  } else {
    const size_t size = encoded_labels_size(labels_);
    char* to = arena.array<char>(size);
    encode_labels(to, labels_);
    out.labels = {to, size};
  }
  sort_by_time(samples_);
  sort_by_time(histograms_);
  out.samples = keep(arena, samples_);
  out.histograms = keep(arena, histograms_);
  out.exemplars = keep(arena, exemplars_);
  return nullptr;
}

Result<WriteTotals> WriteReader::check(WriteVersion version, std::string_view body) {
  WriteTotals totals;
  const char* wrong = version == WriteVersion::v2 ? read_symbols(body) : nullptr;
  const uint32_t timeseries =
      version == WriteVersion::v2 ? v2::request::kTimeseries : v1::request::kTimeseries;
  DecodedSeries series;
  ProtoReader request(body);
  while (wrong == nullptr && request.next()) {
    if (request.field() == timeseries) {
      const std::string_view message = request.bytes();
      wrong = request.ok() ? decode(version, message, scratch_, series) : kBroken;
      ++totals.series;
      totals.samples += series.samples.size();
      totals.histograms += series.histograms.size();
      totals.exemplars += series.exemplars.size();
      totals.bytes += series.labels.size() +
                      kRowOverheadV1 * (1 + series.samples.size() + series.histograms.size());
      if (scratch_.reserved_bytes() > kScratchBytes || totals.series % 256 == 0) {
        scratch_.reset(kScratchBytes);
      }
    } else if (version == WriteVersion::v1 && request.field() == v1::request::kMetadata) {
      ProtoReader fields(request.bytes());
      while (fields.next()) {
        fields.skip();
      }
      wrong = fields.ok() ? nullptr : kBroken;
      ++totals.metadata;
    } else {
      request.skip();
    }
  }
  scratch_.reset(kScratchBytes);
  if (wrong == nullptr && !request.ok()) {
    wrong = kBroken;
  }
  if (wrong != nullptr) {
    return fail(ErrorCode::invalid, totals.series > 0 ? std::string(wrong) + " (series " +
                                                            std::to_string(totals.series) + ")"
                                                      : std::string(wrong));
  }
  return totals;
}

bool WriteReader::read(WriteVersion version, std::string_view body, Arena& arena,
                       const Each& each) {
  if (version == WriteVersion::v2 && read_symbols(body) != nullptr) {
    return false;
  }
  const uint32_t timeseries =
      version == WriteVersion::v2 ? v2::request::kTimeseries : v1::request::kTimeseries;
  DecodedSeries series;
  ProtoReader request(body);
  while (request.next()) {
    if (request.field() != timeseries) {
      request.skip();
      continue;
    }
    const std::string_view message = request.bytes();
    if (!request.ok() || decode(version, message, arena, series) != nullptr) {
      return false;
    }
    series.offset = static_cast<size_t>(message.data() - body.data());
    each(series);
  }
  return request.ok();
}

void WriteReader::read_metadata(std::string_view body,
                                const std::function<void(const MetadataView&)>& each) {
  ProtoReader request(body);
  while (request.next()) {
    if (request.field() != v1::request::kMetadata) {
      request.skip();
      continue;
    }
    MetadataView metadata;
    ProtoReader fields(request.bytes());
    while (fields.next()) {
      switch (fields.field()) {
        case v1::metadata::kType:
          metadata.type = metric_type(fields.varint());
          break;
        case v1::metadata::kFamilyName:
          metadata.family_name = fields.bytes();
          break;
        case v1::metadata::kHelp:
          metadata.help = fields.bytes();
          break;
        case v1::metadata::kUnit:
          metadata.unit = fields.bytes();
          break;
        default:
          fields.skip();
      }
    }
    each(metadata);
  }
}

void WriteReader::release() noexcept {
  symbols_ = {};
  samples_ = {};
  histograms_ = {};
  exemplars_ = {};
  scratch_.reset(0);
}

}  // namespace tailrace::common::prom
