#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/arena.h"

/// Values and names of OTLP as text, as the collector and Loki write them.
namespace tailrace::common::otlp {

/// What a field `any_value` of a message holds: the number of the field that is set
/// (any_value::kString …; 0 = none, null) and its content.
struct AnyValue {
  uint32_t kind = 0;
  std::string_view bytes;  ///< Of strings, bytes, arrays and lists of key-values.
  uint64_t bits = 0;       ///< Of bool, int (two's complement) and double.
};
/// Reads a checked AnyValue message. Of several fields the last one counts, as protobuf has it.
AnyValue read_any_value(std::string_view message) noexcept;

/// A checked KeyValue message.
struct KeyValue {
  std::string_view key;
  AnyValue value;
};
KeyValue read_key_value(std::string_view message) noexcept;

/// Makes texts for one lane; keeps its scratch memory.
///
/// Lifetime: results are views of the message or lie in the arena.
class ValueText {
 public:
  explicit ValueText(Arena& arena) : arena_(arena) {}

  /// Strings as they are, numbers in decimal, bytes in base64, arrays and maps as JSON with sorted
  /// keys, null as "".
  /// Source: OpenTelemetry Collector, pdata Value.AsString.
  std::string_view of(const AnyValue& value);
  std::string_view of_number(uint64_t number);
  /// In lower-case hexadecimal digits; "" for one that is all zero, which means none.
  std::string_view of_id(std::string_view id);

 private:
  Arena& arena_;
  std::string scratch_;
};

/// Whose way of making a label's name of an attribute's.
enum class LabelStyle : uint8_t {
  loki,        ///< One `_` for any number of characters that no name may hold, and of `_`.
  prometheus,  ///< One for each; `key` is put before a single `_`.
};
/// A name with `_` for what no label's name may hold; `key_` is put before a digit. In Loki's style
/// something is always left; in Prometheus's a name may be empty or nothing but `_`. A name that
/// needs nothing of this comes back as it is.
/// Source: prometheus/otlptranslator, LabelNamer, with the options that Loki and Prometheus 3 set.
std::string_view to_label_name(std::string_view name, LabelStyle style, Arena& arena);

}  // namespace tailrace::common::otlp
