#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "plugins/common/prom/exposition/line_parser.h"
#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;

/// The cache never changes a result: pages that mutate at random, read with the cache and by a
/// reader that remembers nothing but which series are live.
namespace {

struct Result {
  bool good = true;
  std::vector<TestRow> rows;  // sorted
  uint64_t scraped = 0;
  uint64_t post_relabel = 0;
  uint64_t added = 0;
  uint64_t duplicates = 0;
  uint64_t out_of_order = 0;
  bool operator==(const Result&) const = default;
};

/// Reads each page from scratch, line by line.
class PlainReader {
 public:
  Result page(const std::string& text, int64_t time) {
    Result result;
    LineParser parser(false);
    std::map<std::string, std::vector<TestRow>> samples;
    std::map<std::string, bool> live;
    std::set<std::string> texts;
    MetricType type = MetricType::unknown;
    for (size_t at = 0; at < text.size() && result.good;) {
      const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      const LineKind kind = parser.parse(std::string_view(text).substr(at, end - at));
      at = end;
      SampleTail tail;
      if (kind == LineKind::broken ||
          (kind == LineKind::sample && !parser.parse_tail(parser.rest(), tail))) {
        result.good = false;
      } else if (kind == LineKind::type) {
        type = parser.meta_type();
      } else if (kind == LineKind::sample) {
        sample(parser, type, tail, time, result, samples, live, texts);
      }
    }
    if (!result.good) {
      for (const std::string& series : live_) {
        result.rows.push_back({series, time, kStaleNan});
      }
      live_.clear();
      // Texts of a page that failed are known from now on.
      texts_.insert(texts.begin(), texts.end());
      return result;
    }
    for (const auto& [series, of_series] : samples) {
      result.rows.insert(result.rows.end(), of_series.begin(), of_series.end());
    }
    for (const std::string& series : live_) {
      if (samples.find(series) == samples.end()) {
        result.rows.push_back({series, time, kStaleNan});
      } else if (!live[series] && samples[series].front().timestamp < time) {
        result.rows.push_back({series, time, kStaleNan});
      }
    }
    live_.clear();
    for (const auto& [series, is_live] : live) {
      if (is_live) {
        live_.insert(series);
      }
    }
    if (!text.empty()) {  // an empty page makes nobody forget
      texts_ = std::move(texts);
    }
    std::sort(result.rows.begin(), result.rows.end());
    return result;
  }

 private:
  void sample(LineParser& parser, MetricType type, const SampleTail& tail, int64_t time,
              Result& result, std::map<std::string, std::vector<TestRow>>& samples,
              std::map<std::string, bool>& live, std::set<std::string>& texts) {
    ++result.scraped;
    std::vector<Label> scraped = parser.labels(type);
    std::sort(scraped.begin(), scraped.end(),
              [](const Label& a, const Label& b) { return a.name < b.name; });
    LabelBuilder builder;
    TestMaker maker;
    if (!maker.make(scraped, builder)) {
      return;
    }
    ++result.post_relabel;
    std::string series;
    for (const Label& label : builder.labels()) {
      series.append(label.name).append("=").append(label.value).append(";");
    }
    const std::string text = std::string(parser.series()) + "\n" + series;
    if (texts_.find(text) == texts_.end() && texts.insert(text).second) {
      ++result.added;
    }
    texts.insert(text);
    const auto value = std::bit_cast<uint64_t>(tail.value);
    std::vector<TestRow>& of_series = samples[series];
    if (of_series.empty()) {
      of_series.push_back({series, tail.has_timestamp ? tail.timestamp : time, value});
      live[series] = !tail.has_timestamp;
    } else if (!tail.has_timestamp || tail.timestamp == of_series.back().timestamp) {
      ++result.duplicates;
    } else if (tail.timestamp < of_series.back().timestamp) {
      ++result.out_of_order;
    } else {
      of_series.push_back({series, tail.timestamp, value});
    }
  }

  std::set<std::string> live_;
  std::set<std::string> texts_;
};

/// A page as lines, and random changes to it.
class PageGame {
 public:
  explicit PageGame(uint32_t seed) : random_(seed) {
    for (int i = 0; i < 20; ++i) {
      lines_.push_back(new_line());
    }
  }
  void mutate() {
    broken_ = pick(12) == 0;
    for (size_t changes = pick(5); changes > 0; --changes) {
      change();
    }
    const size_t changed_values = pick(3);  // none, some or all
    for (Line& line : lines_) {
      if (changed_values == 2 || (changed_values == 1 && pick(2) == 0)) {
        line.value = new_value();
      }
    }
  }
  std::string text() {
    std::string text;
    for (const Line& line : lines_) {
      text += line.series.starts_with('#') ? line.series : line.series + " " + line.value;
      text += "\n";
    }
    if (broken_ && !text.empty()) {
      text.insert(text.find('\n', pick(text.size())) + 1, "broken line\n");
    }
    if (pick(20) == 0 && !text.empty()) {
      text.pop_back();  // the last line break may be missing
    }
    return text;
  }
  size_t pick(size_t below) { return random_() % below; }

 private:
  struct Line {
    std::string series;
    std::string value;
  };

  void change() {
    if (lines_.size() < 3) {
      lines_.push_back(new_line());
    }
    const size_t at = pick(lines_.size());
    const auto place = lines_.begin() + static_cast<std::ptrdiff_t>(at);
    switch (pick(9)) {
      case 0:
      case 1:
        lines_.insert(place, new_line());
        break;
      case 2:
        lines_.erase(place);
        break;
      case 3:
        std::swap(lines_[at], lines_[pick(lines_.size())]);
        break;
      case 4:
        std::rotate(lines_.begin(), place, lines_.end());
        break;
      case 5:  // renamed, perhaps to what is there already
        lines_[at].series = new_line().series;
        break;
      case 6:  // twice
        lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(pick(lines_.size())),
                      Line(*place));
        break;
      case 7:
        lines_[at].value = new_value() + " " + std::to_string(pick(5) * 100);
        break;
      default:
        lines_.erase(place, place + static_cast<std::ptrdiff_t>(
                                        std::min<size_t>(lines_.size() - at, pick(6))));
    }
    while (lines_.size() > 60) {
      lines_.pop_back();
    }
  }
  Line new_line() {
    static const char* const kNames[] = {
        "a", "ab", "abc", "drop", "m", "m_total", "long_name_of_a_metric"};
    static const char* const kLabels[] = {"",
                                          "{}",
                                          "{x=\"1\"}",
                                          "{x=\"1\",y=\"2\"}",
                                          "{y=\"2\",x=\"1\"}",
                                          "{old=\"1\"}",
                                          "{new=\"1\"}",
                                          " {x=\"1\"}",
                                          "{x=\"1\",}",
                                          "{le=\"1\"}",
                                          "{le=\"1.0\"}",
                                          "{quantile=\"1\"}",
                                          "{x=\"}\"}",
                                          "{x=\"\"}",
                                          "{x=\"\\\"\\n\"}"};
    static const char* const kOther[] = {"# TYPE m histogram",
                                         "# TYPE m gauge",
                                         "# TYPE m summary",
                                         "# HELP m x",
                                         "# HELP m y",
                                         "# a comment",
                                         ""};
    if (pick(8) == 0) {
      const char* other = kOther[pick(std::size(kOther))];
      return {*other == '\0' ? "#" : other, ""};
    }
    return {std::string(kNames[pick(std::size(kNames))]) + kLabels[pick(std::size(kLabels))],
            new_value()};
  }
  std::string new_value() {
    switch (pick(6)) {
      case 0:
        return std::to_string(pick(10));
      case 1:
        return std::to_string(random_());
      case 2:
        return fmt::format("{}",
                           std::ldexp(static_cast<double>(random_()), -static_cast<int>(pick(64))));
      case 3:
        return pick(2) == 0 ? "NaN" : "-Inf";
      case 4:
        return "1 ";
      default:
        return fmt::format("{:.3f}", static_cast<double>(pick(100000)) / 1000);
    }
  }

  std::mt19937 random_;
  std::vector<Line> lines_;
  bool broken_ = false;
};

}  // namespace

TEST_CASE("ScrapeCache: 10,000 mutations give the same samples as reading from scratch") {
  int64_t time = 1000;
  uint64_t good_pages = 0;
  for (uint32_t game_number = 0; game_number < 20; ++game_number) {
    PageGame game(game_number);
    CacheBench cached;
    PlainReader plain;
    std::string previous;
    for (int step = 0; step < 500; ++step) {
      game.mutate();
      const std::string text = game.text();
      time += 150;
      Result with_cache;
      const size_t chunk = game.pick(2) == 0 ? SIZE_MAX : 1 + game.pick(200);
      with_cache.good = cached.page(text, time, PageFormat::text, chunk);
      with_cache.rows = cached.rows;
      std::sort(with_cache.rows.begin(), with_cache.rows.end());
      const PageCounts& counts = cached.cache.counts();
      with_cache.scraped = counts.scraped;
      with_cache.post_relabel = counts.post_relabel;
      with_cache.added = counts.added;
      with_cache.duplicates = counts.duplicates;
      with_cache.out_of_order = counts.out_of_order;
      const Result expected = plain.page(text, time);
      CAPTURE(game_number);
      CAPTURE(step);
      CAPTURE(previous);
      CAPTURE(text);
      REQUIRE(with_cache.good == expected.good);
      REQUIRE(with_cache.rows == expected.rows);
      REQUIRE(with_cache.scraped == expected.scraped);
      REQUIRE(with_cache.post_relabel == expected.post_relabel);
      REQUIRE(with_cache.duplicates == expected.duplicates);
      REQUIRE(with_cache.out_of_order == expected.out_of_order);
      REQUIRE(with_cache.added == expected.added);
      REQUIRE_FALSE(cached.expected_too_few);
      good_pages += expected.good ? 1 : 0;
      previous = text;
    }
  }
  CHECK(good_pages > 8000);
}
