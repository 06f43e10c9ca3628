#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/labels.h"
#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// What a line of one of the text formats is.
enum class LineKind : uint8_t {
  nothing,     ///< Blank, or a comment.
  help,        ///< Metadata: meta_name(), meta_text().
  type,        ///< … meta_type().
  unit,        ///< … meta_text().
  sample,      ///< series(), labels(); then parse_tail().
  end,         ///< OpenMetrics's `# EOF`; in the text format a NUL: what follows does not count.
  open_quote,  ///< The text ends within quotes; the line goes on behind its line break.
  broken,      ///< error().
};

/// Value and what else stands behind a series.
struct SampleTail {
  double value = 0;  ///< A NaN has the bits of kNormalNan.
  bool has_timestamp = false;
  int64_t timestamp = 0;  ///< ms
  // The exemplar; all views are raw, escapes included.
  bool has_exemplar = false;
  bool exemplar_has_timestamp = false;
  double exemplar_value = 0;
  int64_t exemplar_timestamp = 0;  ///< ms
  std::string_view exemplar_text;  ///< From its brace to the end of the line.
  std::vector<Label> exemplar_labels;
};

/// Reads lines of Prometheus's text format 0.0.4 / 1.0.0, or of OpenMetrics 1.0. Takes what
/// Prometheus 3 takes and refuses what it refuses, odd cases included.
///
///   switch (parser.parse(line)) { case LineKind::sample: …
///
/// Lifetime: the line is borrowed until the next parse(); views point into it or into the parser.
/// Source:   Prometheus model/textparse: promlex.l, promparse.go, openmetricslex.l,
///           openmetricsparse.go. Comments name where they deviate from the formats' documents.
class LineParser {
 public:
  explicit LineParser(bool openmetrics) noexcept : openmetrics_(openmetrics) {}

  /// One line, its line break included where it has one.
  LineKind parse(std::string_view line);
  /// What stands behind the series, line break included. False: error().
  bool parse_tail(std::string_view rest, SampleTail& tail);
  /// Why the last call failed, in words.
  const std::string& error() const noexcept { return error_; }

  std::string_view meta_name() const noexcept { return meta_name_; }
  std::string_view meta_text() const noexcept { return meta_text_; }
  MetricType meta_type() const noexcept { return meta_type_; }

  /// From the line's start to the end of the series: what identifies it in its page.
  std::string_view series() const noexcept { return series_; }
  /// Behind the series.
  std::string_view rest() const noexcept { return rest_; }
  /// The sample's labels with escapes undone, `__name__` first, the others in the line's order.
  /// `type` is that of the last `# TYPE` line: it decides whether `le` and `quantile` are numbers.
  /// Good until the next parse() or labels().
  const std::vector<Label>& labels(MetricType type);

 private:
  struct RawLabel {
    std::string_view name;
    std::string_view value;
  };

  LineKind parse_comment(const char* at);
  LineKind parse_metadata(LineKind kind, const char* at);
  LineKind finish_metadata(LineKind kind);
  LineKind parse_sample(const char* at);
  /// Within braces; `at` is behind the opening one and then behind the closing one.
  LineKind parse_labels(const char*& at, std::vector<RawLabel>& labels, bool of_exemplar);
  /// A name or a quoted one; `at` is behind it.
  LineKind read_label_name(const char*& at, std::string_view& name, bool& quoted, bool of_exemplar);
  LineKind read_label_value(const char*& at, std::string_view& value);
  /// Behind the closing quote of the string that starts at `at`; null: it does not end.
  const char* skip_quoted(const char* at, bool nul_allowed, bool line_break_allowed) const noexcept;
  bool parse_exemplar(const char* at, const char* end, SampleTail& tail);
  bool text_tail(const char* at, const char* end, SampleTail& tail);
  bool openmetrics_tail(const char* at, const char* end, SampleTail& tail);

  const char* skip_blanks(const char* at) const noexcept;
  LineKind broken(std::string what);
  bool bad_tail(std::string what);
  std::string shown(const char* at) const;
  std::string_view unescaped(std::string_view raw);

  const bool openmetrics_;
  std::string_view line_;
  const char* end_ = nullptr;
  std::string error_;
  std::string_view meta_name_;
  std::string_view meta_text_;
  MetricType meta_type_ = MetricType::unknown;
  std::string_view series_;
  std::string_view rest_;
  std::string_view name_;
  bool has_name_ = false;
  bool name_is_quoted_ = false;
  std::vector<RawLabel> raw_;
  std::vector<RawLabel> exemplar_raw_;
  std::vector<Label> labels_;
  std::string scratch_;  // what labels_ points into where it is not the line; never reallocated
};

}  // namespace tailrace::common::prom
