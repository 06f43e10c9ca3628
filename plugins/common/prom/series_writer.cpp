#include "plugins/common/prom/series_writer.h"

#include <bit>

#include "codec/proto_writer.h"
#include "plugins/common/prom/message_out.h"

namespace tailrace::common::prom {

namespace {

uint64_t bits(double value) noexcept {
  return std::bit_cast<uint64_t>(value);
}
uint64_t as_varint(int64_t value) noexcept {
  return static_cast<uint64_t>(value);
}

template <class Out>
void put_spans(Out& out, uint32_t field, std::span<const BucketSpan> spans) noexcept {
  for (const BucketSpan& s : spans) {
    put_message(out, field, [&s](auto& message) {
      message.varint(span::kOffset, codec::zigzag(s.offset));
      message.varint(span::kLength, s.length);
    });
  }
}

template <class Out>
void put_deltas(Out& out, uint32_t field, std::span<const int64_t> deltas) noexcept {
  if (!deltas.empty()) {
    put_message(out, field, [deltas](auto& packed) {
      for (const int64_t delta : deltas) {
        packed.raw_varint(codec::zigzag(delta));
      }
    });
  }
}

template <class Out>
void put_reals(Out& out, uint32_t field, std::span<const double> values) noexcept {
  if (!values.empty()) {
    put_message(out, field, [values](auto& packed) {
      for (const double value : values) {
        packed.raw_real(value);
      }
    });
  }
}

/// The oneofs (count, zero count) are written whatever they hold: their presence says which kind
/// of histogram it is.
template <class Out>
void put_histogram(Out& out, const SeriesRow& row, WriteVersion version) noexcept {
  const NativeHistogram& h = *row.histogram;
  if (h.is_float) {
    out.real(histogram::kCountFloat, h.count_float);
  } else {
    out.varint(histogram::kCountInt, h.count);
  }
  out.real(histogram::kSum, h.sum);
  out.varint(histogram::kSchema, codec::zigzag(h.schema));
  out.real(histogram::kZeroThreshold, h.zero_threshold);
  if (h.is_float) {
    out.real(histogram::kZeroCountFloat, h.zero_count_float);
  } else {
    out.varint(histogram::kZeroCountInt, h.zero_count);
  }
  put_spans(out, histogram::kNegativeSpans, h.negative_spans);
  put_deltas(out, histogram::kNegativeDeltas, h.negative_deltas);
  put_reals(out, histogram::kNegativeCounts, h.negative_counts);
  put_spans(out, histogram::kPositiveSpans, h.positive_spans);
  put_deltas(out, histogram::kPositiveDeltas, h.positive_deltas);
  put_reals(out, histogram::kPositiveCounts, h.positive_counts);
  if (h.reset_hint != NativeHistogram::ResetHint::unknown) {
    out.varint(histogram::kResetHint, static_cast<uint64_t>(h.reset_hint));
  }
  out.varint(histogram::kTimestamp, as_varint(row.timestamp));
  put_reals(out, histogram::kCustomValues, h.custom_values);
  if (version == WriteVersion::v2 && row.created != 0) {
    out.varint(histogram::kStartTimestamp, as_varint(row.created));
  }
}

template <class Out>
void put_sample(Out& out, const SeriesRow& row, WriteVersion version) noexcept {
  out.fixed64(sample::kValue, row.value);
  out.varint(sample::kTimestamp, as_varint(row.timestamp));
  if (version == WriteVersion::v2 && row.created != 0) {
    out.varint(sample::kStartTimestamp, as_varint(row.created));
  }
}

/// An exemplar's own time, or else its sample's: both formats want one.
int64_t exemplar_time(const SeriesRow& row, const ExemplarView& exemplar) noexcept {
  return exemplar.timestamp != 0 ? exemplar.timestamp : row.timestamp;
}

template <class Out>
void put_series_v1(Out& out, std::span<const SeriesRow> rows) noexcept {
  out.raw(rows.front().labels);
  for (const SeriesRow& row : rows) {
    if (row.only_exemplars) {
      // Nothing but what follows below.
    } else if (row.histogram != nullptr) {
      put_message(out, v1::series::kHistograms,
                  [&row](auto& message) { put_histogram(message, row, WriteVersion::v1); });
    } else {
      put_message(out, v1::series::kSamples,
                  [&row](auto& message) { put_sample(message, row, WriteVersion::v1); });
    }
    for (const ExemplarView& exemplar : row.exemplars) {
      put_message(out, v1::series::kExemplars, [&](auto& message) {
        for (const Label& pair : exemplar.labels) {
          put_message(message, v1::exemplar::kLabels, [&pair](auto& label) {
            label.bytes(label::kName, pair.name);
            label.bytes(label::kValue, pair.value);
          });
        }
        message.fixed64(exemplar::kValue, bits(exemplar.value));
        message.varint(exemplar::kTimestamp, as_varint(exemplar_time(row, exemplar)));
      });
    }
  }
}

template <class Out, class Ref>
void put_refs(Out& out, uint32_t field, std::span<const Ref> refs) noexcept {
  if (refs.empty()) {
    return;
  }
  put_message(out, field, [refs](auto& packed) {
    for (const Ref& ref : refs) {
      if constexpr (requires { ref.name; }) {
        packed.raw_varint(ref.name);
        packed.raw_varint(ref.value);
      } else {
        packed.raw_varint(ref);
      }
    }
  });
}

template <class Describe>
void append_message(codec::GrowingBuffer& to, uint32_t field, const Describe& describe) {
  SizeOut length;
  describe(length);
  BytesOut out{to.reserve(codec::bytes_field_size(field, length.size))};
  out.header(field, length.size);
  describe(out);
  to.advance_to(out.to);
}

/// A pair with its tag and length, cut off the front of encoded labels.
std::string_view cut_pair(std::string_view& labels) noexcept {
  const char* at = labels.data() + 1;
  uint64_t length = 0;
  codec::read_varint(at, labels.data() + labels.size(), length);
  const std::string_view pair = labels.substr(0, static_cast<size_t>(at - labels.data()) + length);
  labels.remove_prefix(pair.size());
  return pair;
}

}  // namespace

uint32_t wire_type(MetricType type) noexcept {
  switch (type) {
    case MetricType::unknown:
      return 0;
    case MetricType::counter:
      return 1;
    case MetricType::gauge:
      return 2;
    case MetricType::histogram:
      return 3;
    case MetricType::gauge_histogram:
      return 4;
    case MetricType::summary:
      return 5;
    case MetricType::info:
      return 6;
    case MetricType::stateset:
      return 7;
  }
  return 0;
}

MetricType metric_type(uint64_t wire) noexcept {
  static constexpr MetricType kTypes[] = {
      MetricType::unknown,         MetricType::counter, MetricType::gauge, MetricType::histogram,
      MetricType::gauge_histogram, MetricType::summary, MetricType::info,  MetricType::stateset};
  return wire < std::size(kTypes) ? kTypes[wire] : MetricType::unknown;
}

size_t series_size_v1(std::span<const SeriesRow> rows) noexcept {
  SizeOut content;
  put_series_v1(content, rows);
  return codec::bytes_field_size(v1::request::kTimeseries, content.size);
}

void write_series_v1(codec::GrowingBuffer& to, std::span<const SeriesRow> rows) {
  append_message(to, v1::request::kTimeseries, [rows](auto& out) { put_series_v1(out, rows); });
}

void write_metadata_v1(codec::GrowingBuffer& to, const MetricFamily& family) {
  append_message(to, v1::request::kMetadata, [&family](auto& out) {
    out.varint(v1::metadata::kType, wire_type(family.type));
    out.bytes(v1::metadata::kFamilyName, family.name);
    if (!family.help.empty()) {
      out.bytes(v1::metadata::kHelp, family.help);
    }
    if (!family.unit.empty()) {
      out.bytes(v1::metadata::kUnit, family.unit);
    }
  });
}

size_t SeriesWriterV2::bound(std::span<const SeriesRow> rows, const SeriesRow* before) noexcept {
  // A ref of a request of less than 64 MiB takes four bytes at most.
  constexpr size_t kRef = 4;
  constexpr size_t kSymbolHead = 4;
  size_t size = 2 * kSymbolHead;
  std::string_view labels = rows.front().labels;
  std::string_view old = before != nullptr ? before->labels : std::string_view();
  while (!labels.empty()) {
    const std::string_view pair = cut_pair(labels);
    const std::string_view old_pair = old.empty() ? old : cut_pair(old);
    size += 2 * kRef;
    if (pair != old_pair) {
      size += pair.size() + 2 * kSymbolHead;
    }
  }
  const MetricFamily* family = rows.front().family;
  if (family != nullptr) {
    size += 16;
    if (before == nullptr || before->family != family) {
      size += family->help.size() + family->unit.size() + 2 * kSymbolHead;
    }
  }
  for (const SeriesRow& row : rows) {
    SizeOut record;
    if (row.histogram != nullptr) {
      put_histogram(record, row, WriteVersion::v2);
    } else {
      put_sample(record, row, WriteVersion::v2);
    }
    size += record.size + kSymbolHead;
    for (const ExemplarView& exemplar : row.exemplars) {
      size += 32;
      for (const Label& pair : exemplar.labels) {
        size += pair.name.size() + pair.value.size() + 2 * (kRef + kSymbolHead);
      }
    }
  }
  return size;
}

void SeriesWriterV2::begin_run() noexcept {
  before_ = {};
  refs_.clear();
  family_ = nullptr;
}

void SeriesWriterV2::find_label_refs(SymbolTable& symbols, std::string_view labels) {
  if (labels.data() == before_.data() && labels.size() == before_.size()) {
    return;
  }
  next_refs_.clear();
  std::string_view rest = labels;
  std::string_view old = before_;
  for (size_t i = 0; !rest.empty(); ++i) {
    const std::string_view pair = cut_pair(rest);
    const std::string_view old_pair = old.empty() ? old : cut_pair(old);
    if (pair == old_pair) {
      next_refs_.push_back(refs_[i]);
      continue;
    }
    const Label label = *EncodedLabels(pair).begin();
    const bool same_name = !old_pair.empty() && EncodedLabels(old_pair).begin()->name == label.name;
    const uint32_t name = same_name ? refs_[i].name : symbols.ref(label.name);
    next_refs_.push_back({name, symbols.ref(label.value)});
  }
  refs_.swap(next_refs_);
  before_ = labels;
}

void SeriesWriterV2::find_family_refs(SymbolTable& symbols, const MetricFamily* family) {
  if (family == family_) {
    return;
  }
  family_ = family;
  type_ = wire_type(family->type);
  help_ref_ = symbols.ref(family->help);
  unit_ref_ = symbols.ref(family->unit);
}

void SeriesWriterV2::write(codec::GrowingBuffer& to, SymbolTable& symbols,
                           std::span<const SeriesRow> rows) {
  const SeriesRow& first = rows.front();
  find_label_refs(symbols, first.labels);
  if (first.family != nullptr) {
    find_family_refs(symbols, first.family);
  }
  // Looked up before anything is written, for the sizes depend on it.
  exemplar_refs_.clear();
  for (const SeriesRow& row : rows) {
    for (const ExemplarView& exemplar : row.exemplars) {
      for (const Label& pair : exemplar.labels) {
        exemplar_refs_.push_back(symbols.ref(pair.name));
        exemplar_refs_.push_back(symbols.ref(pair.value));
      }
    }
  }
  append_message(to, v2::request::kTimeseries, [&](auto& out) {
    put_refs(out, v2::series::kLabelsRefs, std::span<const Refs>(refs_));
    const uint32_t field =
        first.histogram != nullptr ? v2::series::kHistograms : v2::series::kSamples;
    for (const SeriesRow& row : rows) {
      if (row.only_exemplars) {
        continue;
      }
      put_message(out, field, [&row](auto& message) {
        if (row.histogram != nullptr) {
          put_histogram(message, row, WriteVersion::v2);
        } else {
          put_sample(message, row, WriteVersion::v2);
        }
      });
    }
    std::span<const uint32_t> refs(exemplar_refs_);
    for (const SeriesRow& row : rows) {
      for (const ExemplarView& exemplar : row.exemplars) {
        const size_t count = 2 * exemplar.labels.size();
        put_message(out, v2::series::kExemplars, [&](auto& message) {
          put_refs(message, v2::exemplar::kLabelsRefs, refs.first(count));
          message.fixed64(exemplar::kValue, bits(exemplar.value));
          message.varint(exemplar::kTimestamp, as_varint(exemplar_time(row, exemplar)));
        });
        refs = refs.subspan(count);
      }
    }
    if (first.family != nullptr) {
      put_message(out, v2::series::kMetadata, [this](auto& message) {
        message.varint(v2::metadata::kType, type_);
        if (help_ref_ != 0) {
          message.varint(v2::metadata::kHelpRef, help_ref_);
        }
        if (unit_ref_ != 0) {
          message.varint(v2::metadata::kUnitRef, unit_ref_);
        }
      });
    }
  });
}

}  // namespace tailrace::common::prom
