#include "plugins/common/prom/exposition/metadata.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// `# HELP`, `# TYPE` and `# UNIT` lines.
namespace tailrace::common::prom {
namespace {

uint8_t bit_of(MetricType type) noexcept {
  return type == MetricType::histogram ? kHistogramType
         : type == MetricType::summary ? kSummaryType
                                       : kOtherType;
}

template <class T, class U>
bool change(T& what, U&& to) {
  if (what == to) {
    return false;
  }
  what = std::forward<U>(to);
  return true;
}

}  // namespace

void ScrapeCache::Impl::set_type(MetricType type) noexcept {
  type_ = type;
  type_bit_ = static_cast<uint8_t>(bit_of(type) << format_shift_);
  set_family(family_);
}

/// Of the series that follow. Where its metadata is new, they are looked at one by one: they may
/// not know their family yet.
void ScrapeCache::Impl::set_family(Family* family) noexcept {
  family_ = family;
  fast_type_bit_ = family_ != nullptr && family_->changed_page == page_ ? 0 : type_bit_;
}

void ScrapeCache::Impl::metadata_again(Entry& entry) {
  end_collecting();
  entry.seen = page_;
  family_ = reinterpret_cast<Family*>(entry.value_text[0]);
  if (entry.has(Entry::kTypeLine)) {
    set_type(static_cast<MetricType>(entry.value));
  } else {
    set_family(family_);
  }
}

void ScrapeCache::Impl::parsed_metadata(LineKind kind, std::string_view line) {
  const std::string_view text = line.substr(0, line.size() - (line.ends_with('\n') ? 1 : 0));
  Family& family = entries_.family(parser_->meta_name());
  apply_metadata(kind, family);
  const auto any_type = static_cast<uint8_t>(kAnyType << format_shift_);
  uint32_t id = entries_.find(text, any_type);
  if (id == kNoId) {
    id = entries_.add(text, Entry::kMeta, any_type);
    Entry& entry = entries_[id];
    entry.value_text[0] = reinterpret_cast<uint64_t>(&family);
    if (kind == LineKind::type) {
      entry.flags |= Entry::kTypeLine;
      entry.value = static_cast<uint64_t>(parser_->meta_type());
    }
  }
  came(id);
  metadata_again(entries_[id]);
}

void ScrapeCache::Impl::apply_metadata(LineKind kind, Family& family) {
  const bool openmetrics = format_ == PageFormat::openmetrics;
  bool changed = false;
  if (kind == LineKind::type) {
    changed = change(family.type, parser_->meta_type());
  } else if (kind == LineKind::help) {
    changed = change(family.help, unescape_help(parser_->meta_text(), openmetrics));
  } else {
    changed = change(family.unit, std::string(parser_->meta_text()));
  }
  if (changed || family.changed_page == 0) {
    family.changed_page = page_;
  }
}

}  // namespace tailrace::common::prom
