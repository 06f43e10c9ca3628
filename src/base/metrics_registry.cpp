#include "base/metrics_registry.h"

#include <algorithm>

#include "tailrace/check.h"

namespace tailrace {

Histogram::Histogram(std::vector<double> upper_bounds)
    : bounds_(std::move(upper_bounds)), buckets_(bounds_.size() + 1) {}

void Histogram::observe(double value) noexcept {
  const auto at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  buckets_[static_cast<size_t>(at)].increment();
  sum_.add(value);
}

struct MetricsRegistry::Cell {
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
};

class MetricsRegistry::Scope final : public Metrics {
 public:
  Scope(MetricsRegistry& registry, uint32_t lane, MetricLabels labels)
      : registry_(registry), lane_(lane), labels_(std::move(labels)) {}

  Counter& counter(std::string_view name, std::string_view help, MetricLabels labels) override {
    return registry_.cell(Type::counter, lane_, name, help, with_own(std::move(labels)), {})
        .counter;
  }
  Gauge& gauge(std::string_view name, std::string_view help, MetricLabels labels) override {
    return registry_.cell(Type::gauge, lane_, name, help, with_own(std::move(labels)), {}).gauge;
  }
  Histogram& histogram(std::string_view name, std::string_view help,
                       std::vector<double> upper_bounds, MetricLabels labels) override {
    return *registry_
                .cell(Type::histogram, lane_, name, help, with_own(std::move(labels)),
                      std::move(upper_bounds))
                .histogram;
  }

 private:
  MetricLabels with_own(MetricLabels labels) const {
    labels.insert(labels.end(), labels_.begin(), labels_.end());
    std::ranges::sort(labels);
    return labels;
  }
  MetricsRegistry& registry_;
  uint32_t lane_;
  MetricLabels labels_;
};

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

Metrics& MetricsRegistry::scope(uint32_t lane, MetricLabels component_labels) {
  std::lock_guard lock(mutex_);
  scopes_.push_back(std::make_unique<Scope>(*this, lane, std::move(component_labels)));
  return *scopes_.back();
}

MetricsRegistry::Cell& MetricsRegistry::cell(Type type, uint32_t lane, std::string_view name,
                                             std::string_view help, MetricLabels labels,
                                             std::vector<double> bounds) {
  std::lock_guard lock(mutex_);
  const std::string full_name =
      name.starts_with("process_") ? std::string(name) : "tailrace_" + std::string(name);
  auto [at, is_new] = families_.try_emplace(full_name);
  FamilyState& family = at->second;
  if (is_new) {
    family.help = help;
    family.type = type;
  }
  TR_CHECK(family.type == type);
  Cell*& cell = family.cells[{std::move(labels), lane}];
  if (cell == nullptr) {
    cells_.push_back(std::make_unique<Cell>());
    cell = cells_.back().get();
    if (type == Type::histogram) {
      cell->histogram = std::make_unique<Histogram>(std::move(bounds));
    }
  }
  return *cell;
}

void MetricsRegistry::on_read(std::function<void()> refresh) {
  std::lock_guard lock(mutex_);
  refreshers_.push_back(std::move(refresh));
}

std::vector<MetricsRegistry::Family> MetricsRegistry::read() {
  std::lock_guard one_at_a_time(reading_);
  std::vector<std::function<void()>> refreshers;
  {
    std::lock_guard lock(mutex_);
    refreshers = refreshers_;
  }
  for (auto& refresh : refreshers) {
    refresh();
  }
  std::lock_guard lock(mutex_);
  std::vector<Family> families;
  families.reserve(families_.size());
  for (const auto& [name, state] : families_) {
    Family& family = families.emplace_back(Family{name, state.help, state.type, {}});
    for (const auto& [key, cell] : state.cells) {
      const MetricLabels& labels = key.first;
      // Cells of one series lie side by side: the map is ordered by labels, then lane.
      if (family.samples.empty() || family.samples.back().labels != labels) {
        family.samples.emplace_back().labels = labels;
      }
      Sample& sample = family.samples.back();
      switch (state.type) {
        case Type::counter:
          sample.value += static_cast<double>(cell->counter.value());
          break;
        case Type::gauge:
          sample.value += cell->gauge.value();
          break;
        case Type::histogram: {
          const Histogram& histogram = *cell->histogram;
          const size_t count = histogram.bounds().size() + 1;
          sample.bounds.assign(histogram.bounds().begin(), histogram.bounds().end());
          sample.buckets.resize(count);
          uint64_t cumulative = 0;
          for (size_t i = 0; i < count; ++i) {
            cumulative += histogram.bucket(i);
            sample.buckets[i] += cumulative;
          }
          sample.sum += histogram.sum();
          break;
        }
      }
    }
  }
  return families;
}

}  // namespace tailrace
