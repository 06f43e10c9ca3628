#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tailrace::common::otlp {

/// How names become Prometheus's; the words of its own option `translation_strategy`.
enum class Translation : uint8_t {
  underscores_with_suffixes,
  underscores_without_suffixes,
  utf8_with_suffixes,
  none,
};
constexpr bool escapes(Translation t) noexcept {
  return t == Translation::underscores_with_suffixes ||
         t == Translation::underscores_without_suffixes;
}
constexpr bool adds_suffixes(Translation t) noexcept {
  return t == Translation::underscores_with_suffixes || t == Translation::utf8_with_suffixes;
}

/// What a metric's suffixes depend on.
enum class NameKind : uint8_t { gauge, counter, other };

/// What Prometheus calls a metric: `http.server.duration` in `s` is `http_server_duration_seconds`.
/// "" when no name is left.
/// Source: prometheus/otlptranslator, MetricNamer.
std::string metric_name(std::string_view name, std::string_view unit, NameKind kind,
                        Translation translation);

/// What Prometheus calls a unit: `By/s` is `bytes_per_second`, `{packet}` is none.
/// Source: prometheus/otlptranslator, UnitNamer.
std::string unit_name(std::string_view unit, Translation translation);

/// OpenTelemetry's unit of Prometheus's: `bytes_per_second` is `By/s`, `ratio` is `1`.
std::string unit_of_words(std::string_view words);

}  // namespace tailrace::common::otlp
