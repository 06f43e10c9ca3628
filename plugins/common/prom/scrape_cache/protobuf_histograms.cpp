#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "codec/proto_reader.h"
#include "plugins/common/prom/scrape_cache/native_histogram.h"
#include "plugins/common/prom/scrape_cache/page.h"
#include "plugins/common/prom/scrape_cache/protobuf_message.h"

/// The histograms of the protobuf format: native, classic, or classic ones made native.
namespace tailrace::common::prom {

using codec::ProtoReader;

void ScrapeCache::Impl::histogram_samples(const FamilyHead& head, const Metric& metric) {
  bool may_convert = options_.classic_to_custom_buckets && head.type == kHistogram;
  if (options_.native_histograms && is_native_histogram(metric.content)) {
    may_convert = false;
    if (!native_sample(head, metric)) {
      return;
    }
    if (!options_.always_classic_histograms) {
      return;
    }
    ProtoReader reader(metric.content);
    bool has_buckets = false;
    while (reader.next()) {
      has_buckets = has_buckets || reader.field() == 3;
      reader.skip();
    }
    if (!has_buckets) {
      return;
    }
  }
  classic_samples(head, metric, may_convert);
}

bool ScrapeCache::Impl::native_sample(const FamilyHead& head, const Metric& metric) {
  std::string error;
  NativeHistogram* histogram =
      read_native_histogram(metric.content, head.type == kGaugeHistogram, page_arena_, error);
  if (histogram == nullptr) {
    return broken(error + ": " + std::string(head.name));
  }
  FoundSample sample = metric.sample(0);
  sample.histogram = histogram;
  std::vector<std::string_view> exemplars;
  std::vector<std::string_view> bucket_exemplars;
  ProtoReader reader(metric.content);
  while (reader.next()) {
    if (reader.field() == 15) {
      sample.created = timestamp_ms(reader.bytes());
    } else if (reader.field() == 16) {
      exemplars.push_back(reader.bytes());
    } else if (reader.field() == 3) {
      ProtoReader bucket(reader.bytes());
      while (bucket.next()) {
        if (bucket.field() == 3) {
          bucket_exemplars.push_back(bucket.bytes());
        } else {
          bucket.skip();
        }
      }
    } else {
      reader.skip();
    }
  }
  const int32_t finest = highest_schema_for(options_.native_histogram_min_bucket_factor);
  if (!reduce_resolution(*histogram, options_.native_histogram_bucket_limit, finest, page_arena_)) {
    over_bucket_limit_ = true;  // the page is read on, for its counts
  }
  const uint32_t id = proto_sample(head, metric, 'n', 0, sample);
  for (const std::string_view exemplar : exemplars.empty() ? bucket_exemplars : exemplars) {
    proto_exemplar(id, exemplar, true, metric);
  }
  return !failed_;
}

void ScrapeCache::Impl::classic_samples(const FamilyHead& head, const Metric& metric_so_far,
                                        bool may_convert) {
  struct Bucket {
    double bound = 0;
    double count = 0;
    std::string_view exemplar;
  };
  Metric metric = metric_so_far;
  std::vector<Bucket> buckets;
  uint64_t count = 0;
  double count_float = 0;
  double sum = 0;
  bool ok = true;
  ProtoReader reader(metric.content);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        count = reader.varint();
        break;
      case 2:
        sum = read_double(reader);
        break;
      case 3: {
        Bucket& bucket = buckets.emplace_back();
        double cumulative_float = 0;
        ProtoReader message(reader.bytes());
        while (message.next()) {
          if (message.field() == 1) {
            bucket.count = static_cast<double>(message.varint());
          } else if (message.field() == 2) {
            bucket.bound = read_double(message);
          } else if (message.field() == 3) {
            bucket.exemplar = message.bytes();
          } else if (message.field() == 4) {
            cumulative_float = read_double(message);
          } else {
            message.skip();
          }
        }
        bucket.count = cumulative_float != 0 ? cumulative_float : bucket.count;
        ok = ok && message.ok();
        break;
      }
      case 4:
        count_float = read_double(reader);
        break;
      case 15:
        metric.created = timestamp_ms(reader.bytes());
        break;
      default:
        reader.skip();
    }
  }
  if (!reader.ok() || !ok) {
    broken("a histogram of " + std::string(head.name) + " that is no well-formed message");
    return;
  }
  const double all = count_float != 0 ? count_float : static_cast<double>(count);
  if (may_convert) {
    collected_.clear();
    collected_.set_count(all);
    collected_.set_sum(std::isnan(sum) ? std::bit_cast<double>(kNormalNan) : sum);
    for (const Bucket& bucket : buckets) {
      collected_.add_bucket(bucket.bound, bucket.count);
    }
    FoundSample sample = metric.sample(0);
    sample.histogram = collected_.convert(page_arena_);
    if (sample.histogram != nullptr && check_bucket_limit(*sample.histogram)) {
      const uint32_t id = proto_sample(head, metric, 'n', 0, sample);
      for (const Bucket& bucket : buckets) {
        proto_exemplar(id, bucket.exemplar, true, metric);
      }
    }
    if (!options_.always_classic_histograms) {
      return;
    }
  }
  proto_sample(head, metric, 'c', 0, metric.sample(all));
  proto_sample(head, metric, 's', 0, metric.sample(sum));
  for (const Bucket& bucket : buckets) {
    const uint32_t id = proto_sample(head, metric, 'b', bucket.bound, metric.sample(bucket.count));
    proto_exemplar(id, bucket.exemplar, false, metric);
    if (bucket.bound == std::numeric_limits<double>::infinity()) {
      return;
    }
  }
  proto_sample(head, metric, 'b', std::numeric_limits<double>::infinity(), metric.sample(all));
}

}  // namespace tailrace::common::prom
