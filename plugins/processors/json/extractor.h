#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/log_batch.h"

#include "codec/json_index.h"
#include "plugins/processors/json/field_tree.h"
#include "plugins/processors/json/json_config.h"
#include "plugins/processors/json/severity.h"

namespace tailrace::processors::json {

/// Takes the wanted fields out of one JSON object, in one pass that ends when all are found. The
/// first field that fits counts; null counts as missing.
///
/// Lifetime: views point into the text or the arena.
class Extractor {
 public:
  enum class Shape : uint8_t {
    parsed,
    not_json,   ///< Does not begin like an object.
    malformed,  ///< Begins like one, and is none.
  };

  struct Wanted {
    enum class Type : uint8_t { any, scalar, string };
    std::string path;
    Type type = Type::any;  ///< A value of another type counts as missing.
    size_t max_bytes = SIZE_MAX;
  };

  /// `wanted` are the slots of values(). Any path of `alternatives` fills the slot after them.
  Extractor(const std::vector<Wanted>& wanted, const StringList& alternatives,
            const SeverityConfig& severity);

  [[gnu::noinline]] Shape run(std::string_view text, Arena& arena);

  /// Of the last run that said `parsed`. A slot without a value is an empty view.
  std::string_view value(size_t slot) const noexcept { return values_[slot]; }
  Severity severity() const noexcept { return severity_; }
  /// Values that were left out because they are longer than allowed, ever.
  uint64_t too_long() const noexcept { return too_long_; }

 private:
  /// Each field of an object; it is the `n`-th. Inlined into the walk, and what few fields need is
  /// not: most keys are known at once as not wanted.
  [[gnu::always_inline]] bool visit(FieldTree& tree, codec::JsonRawKey key, size_t n,
                                    codec::JsonToken& value) {
    const FieldTree::Field* const field = tree.find(key, n);
    return field == nullptr || (field->inner == nullptr && !wants(*field)) ||
           visit_known(*field, value);
  }
  [[gnu::noinline]] bool visit_known(const FieldTree::Field& field, codec::JsonToken& value);
  bool visit_inner(FieldTree& tree, codec::JsonToken& value);
  bool wants(const FieldTree::Field& field) const noexcept { return (field.bits & ~found_) != 0; }
  void take(Target target, codec::JsonType type, std::string_view text) noexcept;
  void take_value(size_t slot, codec::JsonType type, std::string_view text) noexcept;
  void take_severity(LevelScale scale, codec::JsonType type, std::string_view text) noexcept;
  void hint(Target::Kind kind, codec::JsonType type, std::string_view text) noexcept;
  void settle_if_pino() noexcept;
  void settle_level(bool pino) noexcept;
  bool all_found() const noexcept { return found_ == complete_; }

  FieldTree tree_;
  codec::JsonIndexReader reader_;
  std::vector<Wanted> wanted_;
  LevelNumbers numbers_;
  uint64_t complete_ = 0;      // bits of found_ when nothing is missing
  uint64_t severity_bit_ = 0;  // 0: no severity is wanted
  uint64_t too_long_ = 0;

  // Of the text under work.
  std::vector<std::string_view> values_;
  uint64_t found_ = 0;  // bit i: slot i; the one above: the severity
  Severity severity_ = Severity::unset;
  int level_ = -1;     // a number whose meaning is open
  uint8_t hints_ = 0;  // bits of Target::Kind
  bool broken_ = false;
};

}  // namespace tailrace::processors::json
