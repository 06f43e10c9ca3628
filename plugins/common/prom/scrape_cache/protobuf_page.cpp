#include <cstring>

#include "codec/decimal.h"
#include "codec/proto_reader.h"
#include "codec/utf8.h"
#include "codec/varint.h"
#include "plugins/common/prom/exposition/metadata.h"
#include "plugins/common/prom/scrape_cache/page.h"
#include "plugins/common/prom/scrape_cache/protobuf_message.h"

/// Pages of the protobuf format: MetricFamily messages, each behind its length. A series' "text"
/// here is a key made of the family's name, the part (bucket, sum …) and the labels as they came.
/// Source: io.prometheus.client; Prometheus model/textparse/protobufparse.go.
namespace tailrace::common::prom {
namespace {

using codec::ProtoReader;

/// A family that is larger ends the page: it must be in memory as a whole.
constexpr size_t kMaxFamily = 64 * 1024 * 1024;

MetricType metric_type(uint64_t type) noexcept {
  switch (type) {
    case kCounter:
      return MetricType::counter;
    case kGauge:
      return MetricType::gauge;
    case kSummary:
      return MetricType::summary;
    case kHistogram:
      return MetricType::histogram;
    case kGaugeHistogram:
      return MetricType::gauge_histogram;
    default:
      return MetricType::unknown;
  }
}

Label read_label(std::string_view message, bool& ok) noexcept {
  ProtoReader reader(message);
  Label label{"", ""};
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        label.name = reader.bytes();
        break;
      case 2:
        label.value = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  ok = ok && reader.ok();
  return label;
}

void append_length(std::string& to, size_t length) {
  char bytes[codec::kMaxVarintBytes];
  to.append(bytes, codec::write_varint(bytes, length));
}

/// What comes behind the family's name in the samples of a summary or a histogram.
std::string_view suffix(char part) noexcept {
  switch (part) {
    case 'c':
      return "_count";
    case 's':
      return "_sum";
    case 'b':
      return "_bucket";
    default:
      return "";
  }
}

}  // namespace

bool ScrapeCache::Impl::feed_protobuf(std::string_view bytes) {
  std::string_view rest = bytes;
  if (!carried_.empty()) {
    carried_.append(bytes);
    rest = carried_;
  }
  const char* at = rest.data();
  const char* end = at + rest.size();
  while (at != end && !failed_) {
    uint64_t length = 0;
    const char* message = at;
    if (!codec::read_varint(message, end, length)) {
      if (end - at >= static_cast<std::ptrdiff_t>(codec::kMaxVarintBytes)) {
        return broken("a message's length that is no varint");
      }
      break;
    }
    if (length > kMaxFamily) {
      return broken("a metric family of more than 64 MiB");
    }
    if (length > static_cast<uint64_t>(end - message)) {
      break;
    }
    family_message({message, length});
    at = message + length;
  }
  if (carried_.empty()) {
    carried_.assign(at, end);
  } else {
    carried_.erase(0, static_cast<size_t>(at - rest.data()));
  }
  return !failed_;
}

void ScrapeCache::Impl::finish_protobuf() {
  if (!carried_.empty()) {
    broken("the page ends within a metric family");
  }
}

void ScrapeCache::Impl::family_message(std::string_view message) {
  FamilyHead head;
  ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        head.name = reader.bytes();
        break;
      case 2:
        head.help = reader.bytes();
        break;
      case 3:
        head.type = reader.varint();
        break;
      case 4:
        reader.skip();
        ++head.metrics;
        break;
      case 5:
        head.unit = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  if (!reader.ok()) {
    broken("a metric family that is no well-formed message");
    return;
  }
  if (head.metrics == 0) {
    return;
  }
  if (head.name.empty() || !codec::valid_utf8(head.name)) {
    broken("an invalid metric name");
    return;
  }
  if (!codec::valid_utf8(head.help) || head.type > kGaugeHistogram) {
    broken("invalid help or type of " + std::string(head.name));
    return;
  }
  const std::string_view without_total = head.type == kCounter && head.name.ends_with("_total")
                                             ? head.name.substr(0, head.name.size() - 6)
                                             : head.name;
  if (!head.unit.empty() && !has_unit_suffix(without_total, head.unit)) {
    broken("the unit is not a suffix of " + std::string(head.name));
    return;
  }
  Family& family = entries_.family(head.name);
  const MetricType type = metric_type(head.type);
  if (family.changed_page == 0 || family.type != type || family.help != head.help ||
      family.unit != head.unit) {
    family.type = type;
    family.help = head.help;
    family.unit = head.unit;
    family.changed_page = page_;
  }
  set_family(&family);
  ProtoReader metrics(message);
  while (metrics.next() && !failed_) {
    if (metrics.field() == 4) {
      metric_message(head, metrics.bytes());
    } else {
      metrics.skip();
    }
  }
}

void ScrapeCache::Impl::metric_message(const FamilyHead& head, std::string_view message) {
  // Numbers of the fields of Metric by type: counter, gauge, summary, untyped, histogram (twice).
  static constexpr uint32_t kContentField[] = {3, 2, 4, 5, 7, 7};
  proto_labels_.clear();
  Metric metric{proto_labels_};
  ProtoReader reader(message);
  bool ok = true;
  while (reader.next()) {
    if (reader.field() == 1) {
      metric.labels.push_back(read_label(reader.bytes(), ok));
    } else if (reader.field() == kContentField[head.type]) {
      metric.content = reader.bytes();
    } else if (reader.field() == 6) {
      metric.timestamp = static_cast<int64_t>(reader.varint());
    } else {
      reader.skip();
    }
  }
  if (!reader.ok() || !ok) {
    broken("a metric of " + std::string(head.name) + " that is no well-formed message");
    return;
  }
  if (head.type == kSummary) {
    summary_samples(head, metric);
    return;
  }
  if (head.type >= kHistogram) {
    histogram_samples(head, metric);
    return;
  }
  ProtoReader content(metric.content);
  double value = 0;
  std::string_view exemplar;
  while (content.next()) {
    if (content.field() == 1) {
      value = read_double(content);
    } else if (content.field() == 2 && head.type == kCounter) {
      exemplar = content.bytes();
    } else if (content.field() == 3 && head.type == kCounter) {
      metric.created = timestamp_ms(content.bytes());
    } else {
      content.skip();
    }
  }
  if (!content.ok()) {
    broken("a value of " + std::string(head.name) + " that is no well-formed message");
    return;
  }
  const uint32_t id = proto_sample(head, metric, 'v', 0, metric.sample(value));
  proto_exemplar(id, exemplar, false, metric);
}

void ScrapeCache::Impl::summary_samples(const FamilyHead& head, const Metric& metric_so_far) {
  Metric metric = metric_so_far;
  uint64_t count = 0;
  double sum = 0;
  ProtoReader reader(metric.content);
  std::vector<std::pair<double, double>> quantiles;
  bool ok = true;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        count = reader.varint();
        break;
      case 2:
        sum = read_double(reader);
        break;
      case 3: {
        ProtoReader quantile(reader.bytes());
        auto& [bound, value] = quantiles.emplace_back(0, 0);
        while (quantile.next()) {
          if (quantile.field() == 1) {
            bound = read_double(quantile);
          } else if (quantile.field() == 2) {
            value = read_double(quantile);
          } else {
            quantile.skip();
          }
        }
        ok = ok && quantile.ok();
        break;
      }
      case 4:
        metric.created = timestamp_ms(reader.bytes());
        break;
      default:
        reader.skip();
    }
  }
  if (!reader.ok() || !ok) {
    broken("a summary of " + std::string(head.name) + " that is no well-formed message");
    return;
  }
  proto_sample(head, metric, 'c', 0, metric.sample(static_cast<double>(count)));
  proto_sample(head, metric, 's', 0, metric.sample(sum));
  for (const auto& [bound, value] : quantiles) {
    proto_sample(head, metric, 'q', bound, metric.sample(value));
  }
}

/// `part` says which of the family's series: v(alue), c(ount), s(um), b(ucket), q(uantile),
/// n(ative). kNoId: the series is not kept, or the page has failed.
uint32_t ScrapeCache::Impl::proto_sample(const FamilyHead& head, const Metric& metric, char part,
                                         double bound, FoundSample sample) {
  if (failed_) {
    return kNoId;
  }
  key_.clear();
  key_ += '\0';  // no line of a text format begins so
  key_ += part;
  char bits[sizeof bound];
  std::memcpy(bits, &bound, sizeof bits);
  key_.append(bits, sizeof bits);
  append_length(key_, head.name.size());
  key_ += head.name;
  for (const Label& label : metric.labels) {
    append_length(key_, label.name.size());
    key_ += label.name;
    append_length(key_, label.value.size());
    key_ += label.value;
  }
  uint32_t id = expected();
  if (id == kNoId || entries_[id].has(Entry::kDead) || entries_[id].view() != key_) {
    id = entries_.find(key_, kProtobufKey);
  }
  if (id == kNoId) {
    const std::string name = std::string(head.name).append(suffix(part));
    const std::string number = codec::openmetrics_number(bound);
    scraped_.assign(metric.labels.begin(), metric.labels.end());
    scraped_.push_back({"__name__", name});
    if (part == 'b' || part == 'q') {
      scraped_.push_back({part == 'b' ? "le" : "quantile", number});
    }
    id = new_entry(key_, kProtobufKey);
    if (id == kNoId) {
      return kNoId;
    }
  }
  came(id);
  found(id, sample);
  return id;
}

void ScrapeCache::Impl::proto_exemplar(uint32_t id, std::string_view message,
                                       bool timestamp_required, const Metric& metric) {
  if (id == kNoId || message.empty() || failed_) {
    return;
  }
  tail_ = {};
  tail_.has_exemplar = true;
  tail_.has_timestamp = metric.timestamp != 0;
  tail_.timestamp = metric.timestamp;
  tail_.exemplar_text = message;
  ProtoReader reader(message);
  bool ok = true;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        tail_.exemplar_labels.push_back(read_label(reader.bytes(), ok));
        break;
      case 2:
        tail_.exemplar_value = read_double(reader);
        break;
      case 3:
        tail_.exemplar_has_timestamp = true;
        tail_.exemplar_timestamp = timestamp_ms(reader.bytes());
        break;
      default:
        reader.skip();
    }
  }
  if (!reader.ok() || !ok) {
    broken("an exemplar that is no well-formed message");
  } else if (tail_.exemplar_has_timestamp || !timestamp_required) {
    exemplar_of(id, tail_);
  }
}

}  // namespace tailrace::common::prom
