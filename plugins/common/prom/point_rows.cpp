#include "plugins/common/prom/point_rows.h"

namespace tailrace::common::prom {

namespace {

/// The next label that all parts of a point share.
void skip_own(EncodedLabels::Iterator& at, const EncodedLabels::Iterator& end) noexcept {
  while (!(at == end)) {
    const std::string_view name = (*at).name;
    if (name != "__name__" && name != "le" && name != "quantile") {
      return;
    }
    ++at;
  }
}

}  // namespace

bool has_parts(MetricType type) noexcept {
  return type == MetricType::histogram || type == MetricType::summary ||
         type == MetricType::gauge_histogram;
}

bool are_of_one_point(const MetricSeries& a, const MetricSeries& b) noexcept {
  if (a.family == nullptr || a.family != b.family || !has_parts(a.family->type)) {
    return false;
  }
  const EncodedLabels labels_a(a.encoded_labels);
  const EncodedLabels labels_b(b.encoded_labels);
  auto at_a = labels_a.begin();
  auto at_b = labels_b.begin();
  for (;; ++at_a, ++at_b) {
    skip_own(at_a, labels_a.end());
    skip_own(at_b, labels_b.end());
    const bool ended = at_a == labels_a.end();
    if (ended || at_b == labels_b.end()) {
      return ended && at_b == labels_b.end();
    }
    if (!(*at_a == *at_b)) {
      return false;
    }
  }
}

}  // namespace tailrace::common::prom
