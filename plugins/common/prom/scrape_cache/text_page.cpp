#include <bit>
#include <cstring>

#include "plugins/common/prom/scrape_cache/page.h"
#include "plugins/common/prom/scrape_cache/short_number.h"

/// Pages of the two text formats.
namespace tailrace::common::prom {
namespace {

/// A line that is longer ends the page; only a page that means harm has such a line.
constexpr size_t kMaxLine = 16 * 1024 * 1024;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

}  // namespace

bool ScrapeCache::Impl::feed_text(const char* at, const char* end) {
  if (!carried_.empty()) {
    at = continue_carried(at, end);
  }
  while (at != end && !failed_ && !ended_) {
    at = fast_lines(at, end);
    if (at != end) {
      at = one_line(at, end);
    }
  }
  if (ended_ && at != end && format_ == PageFormat::openmetrics && !failed_) {
    return broken("unexpected data after # EOF");
  }
  return !failed_;
}

/// Lines that are what came here last time: the text of the series, a blank, a number, the end of
/// the line. Stops at the first line that is anything else, or too near to the chunk's end.
const char* ScrapeCache::Impl::fast_lines(const char* at, const char* end) {
  const uint32_t page = page_;
  const uint8_t type_bit = fast_type_bit_;
  uint64_t taken = 0;
  uint64_t live_again = 0;
  uint32_t last = last_;
  uint32_t id = expected();
  while (id != kNoId) {
    Entry& entry = entries_[id];
    const size_t size = entry.text_size;
    if (static_cast<size_t>(end - at) < size + 1 + kShortNumber || entry.has(Entry::kSlow) ||
        (entry.valid_types & type_bit) == 0 || entry.seen == page ||
        std::memcmp(at, entry.text, size) != 0 || at[size] != ' ') {
      break;
    }
    const char* number = at + size + 1;
    ShortText text = load_short(number);
    size_t length = find_line_break(text);
    if (length < kShortNumber) {
      keep_first(text, length);
      if (length == 0 || length != entry.value_size || text.words[0] != entry.value_text[0] ||
          text.words[1] != entry.value_text[1]) {
        if (length == 0 || !parse_short(number, text, length, entry.value)) {
          break;
        }
        entry.value_text[0] = text.words[0];
        entry.value_text[1] = text.words[1];
        entry.value_size = static_cast<uint8_t>(length);
      }
    } else {
      const auto* line_break = static_cast<const char*>(std::memchr(
          number + kShortNumber, '\n', static_cast<size_t>(end - number) - kShortNumber));
      if (line_break == nullptr) {
        break;
      }
      length = static_cast<size_t>(line_break - number);
      double value = 0;
      if (!codec::parse_decimal({number, length}, value)) {
        break;
      }
      entry.value = std::isnan(value) ? kNormalNan : std::bit_cast<uint64_t>(value);
      entry.value_size = 0;
    }
    entry.seen = page;
    live_again += entry.flags & Entry::kLive;
    ++taken;
    at = number + length + 1;
    last = id;
    id = entry.next;
  }
  last_ = last;
  fast_lines_ += taken;
  line_number_ += taken;
  live_again_ += live_again;
  return at;
}

/// One line of any kind; returns where the next one begins. A line that has not ended is carried.
const char* ScrapeCache::Impl::one_line(const char* at, const char* end) {
  const auto* line_break =
      static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
  if (line_break == nullptr) {
    carried_.assign(at, end);
    return end;
  }
  const char* next = line_break + 1;
  if (!line({at, static_cast<size_t>(next - at)})) {
    carried_.assign(at, next);
    begin_quoted();
    return continue_quoted(next, end);
  }
  return next;
}

const char* ScrapeCache::Impl::continue_carried(const char* at, const char* end) {
  if (is_quoted_) {
    return continue_quoted(at, end);
  }
  const auto* line_break =
      static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
  const char* next = line_break == nullptr ? end : line_break + 1;
  carried_.append(at, next);
  if (line_break == nullptr) {
    if (carried_.size() > kMaxLine) {
      broken("a line of more than 16 MiB");
    }
    return end;
  }
  if (!line(carried_)) {
    begin_quoted();
    return continue_quoted(next, end);
  }
  carried_.clear();
  return next;
}

/// The text format allows line breaks within quotes. Looks for the line's real end, reading each
/// byte once however often the line is cut.
const char* ScrapeCache::Impl::continue_quoted(const char* at, const char* end) {
  bool quoted = within_quotes_;
  bool backslash = after_backslash_;
  const auto ends_line = [&](char c) {
    if (!quoted) {
      quoted = c == '"';
      return c == '\n';
    }
    if (backslash) {
      backslash = c == '\0';  // which escapes nothing and is not escaped
    } else if (c == '\\') {
      backslash = true;
    } else if (c == '"') {
      quoted = false;
    }
    return false;
  };
  for (; quotes_scanned_ < carried_.size(); ++quotes_scanned_) {
    if (ends_line(carried_[quotes_scanned_])) {
      broken("a quoted text that does not end");
      return end;
    }
  }
  const char* next = at;
  while (next != end && !ends_line(*next)) {
    ++next;
  }
  if (next == end) {
    carried_.append(at, end);
    quotes_scanned_ = carried_.size();
    within_quotes_ = quoted;
    after_backslash_ = backslash;
    if (carried_.size() > kMaxLine) {
      broken("a line of more than 16 MiB");
    }
    return end;
  }
  carried_.append(at, next + 1);
  is_quoted_ = false;
  if (!line(carried_) && !failed_) {
    broken("a quoted text that does not end");
  }
  carried_.clear();
  return next + 1;
}

bool ScrapeCache::Impl::line(std::string_view line) {
  if (expected_line(line)) {
    ++line_number_;
    return true;
  }
  const LineKind kind = parser_->parse(line);
  if (kind == LineKind::open_quote) {
    return false;
  }
  ++line_number_;
  switch (kind) {
    case LineKind::sample:
      parsed_sample();
      break;
    case LineKind::help:
    case LineKind::type:
    case LineKind::unit:
      parsed_metadata(kind, line);
      break;
    case LineKind::end:
      ended_ = true;
      break;
    case LineKind::broken:
      broken(parser_->error());
      break;
    default:
      break;
  }
  return true;
}

/// The line that came here last time, with anything behind its text. False: it is another one.
bool ScrapeCache::Impl::expected_line(std::string_view line) {
  const uint32_t id = expected();
  if (id == kNoId) {
    return false;
  }
  Entry& entry = entries_[id];
  if (entry.has(Entry::kDead) || (entry.valid_types & type_bit_) == 0 ||
      !line.starts_with(entry.view())) {
    return false;
  }
  const std::string_view rest = line.substr(entry.text_size);
  if (entry.has(Entry::kMeta)) {
    if (rest != "\n") {
      return false;
    }
    metadata_again(entry);
    came(id);
    return true;
  }
  if (entry.text[entry.text_size - 1] != '}') {
    // A name: it could go on, or labels could follow.
    if (rest.empty() || !is_blank(rest[0])) {
      return false;
    }
    size_t blanks = 0;
    while (blanks < rest.size() && is_blank(rest[blanks])) {
      ++blanks;
    }
    if (blanks < rest.size() && rest[blanks] == '{') {
      return false;
    }
  }
  if (!parser_->parse_tail(rest, tail_)) {
    ++line_number_;
    return !broken(parser_->error());
  }
  came(id);
  found(id, {std::bit_cast<uint64_t>(tail_.value), tail_.has_timestamp, tail_.timestamp});
  exemplar_of(id, tail_);
  return true;
}

void ScrapeCache::Impl::parsed_sample() {
  const std::string_view text = parser_->series();
  if (!parser_->parse_tail(parser_->rest(), tail_)) {
    broken(parser_->error());
    return;
  }
  const FoundSample sample{std::bit_cast<uint64_t>(tail_.value), tail_.has_timestamp,
                           tail_.timestamp};
  uint32_t id = entries_.find(text, type_bit_);
  if (id == kNoId) {
    // Whether a line is a part of a histogram is a matter of the type alone.
    const uint8_t types =
        options_.classic_to_custom_buckets ? type_bit_ : types_with_these_labels();
    scraped_ = parser_->labels(type_);
    HistogramPart part;
    id = is_part(part) ? new_part(text, part) : new_entry(text, types);
    if (id == kNoId) {
      return;
    }
  }
  came(id);
  found(id, sample);
  exemplar_of(id, tail_);
}

void ScrapeCache::Impl::finish_text() {
  if (is_quoted_ && !carried_.empty()) {
    broken("a quoted text that does not end");
  } else if (!carried_.empty() && !ended_) {
    if (!line(carried_) && !failed_) {
      broken("a quoted text that does not end");
    }
  }
  carried_.clear();
  if (format_ == PageFormat::openmetrics && !ended_ && !failed_) {
    broken("data does not end with # EOF");
  }
}

}  // namespace tailrace::common::prom
