#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json_index.h"

namespace tailrace::processors::json {

/// What a field is wanted for.
struct Target {
  enum class Kind : uint8_t {
    value,     ///< Slot `index` of the wanted values.
    severity,  ///< `index` is a LevelScale.
    hint_pid,  ///< These tell whose numeric levels they are.
    hint_host,
    hint_version,
    hint_time,
  };
  Kind kind = Kind::value;
  uint8_t index = 0;
  bool takes_objects = false;  ///< As their raw text.
};

/// The wanted fields of an object, arranged for looking up the keys of a document.
///
/// A path `a.b` stands for the key "a.b" and for the key "b" within the object at "a".
class FieldTree {
 public:
  struct Field {
    explicit Field(std::string_view name) : key(name) {}
    codec::JsonName key;
    std::vector<Target> targets;
    uint64_t bits = 0;                 // after finish(): what the targets may find
    std::unique_ptr<FieldTree> inner;  // wanted fields of the object at this key, or null
  };

  void add(std::string_view path, Target target);
  /// The same, but where the object at "a" is wanted as a whole already, only the key "a.b".
  void add_unless_taken(std::string_view path, Target target);
  /// To be called once after the last add, before find. A value's bit is that of its slot; whatever
  /// helps to find the severity has `severity_bit`.
  void finish(uint64_t severity_bit);

  /// The field of an object's `n`-th key, or null. Those who write JSON write their keys in one
  /// order, so what was the n-th key of the last object is looked at first.
  const Field* find(codec::JsonRawKey key, size_t n) noexcept {
    Guess& guess = guesses_[n % guesses_.size()];
    if (!key.has(guess.head)) [[unlikely]] {
      guess = {key.head(), look_up(key)};
    }
    return guess.field;
  }
  bool empty() const noexcept { return fields_.empty(); }

 private:
  struct Range {
    uint8_t begin = 0;
    uint8_t end = 0;
  };
  struct Guess {
    codec::JsonKeyHead head;
    const Field* field = nullptr;
  };

  const Field* look_up(codec::JsonRawKey key) const noexcept;

  Field& field(std::string_view key);
  bool takes_object(std::string_view key) const noexcept;
  void add(std::string_view path, Target target, bool yield);

  std::vector<Field> fields_;          // after finish(): sorted by key
  std::array<Range, 256> by_first_{};  // first character -> fields that begin with it
  std::array<Guess, 16> guesses_;      // by a key's place in its object
};

/// Why a path cannot be used, or "".
std::string path_complaint(std::string_view path);

}  // namespace tailrace::processors::json
