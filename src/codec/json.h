#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "tailrace/arena.h"

/// Reading JSON on demand: only what is asked for is parsed.
///
///   JsonReader reader;                                   // keep it; it reuses its memory
///   bool ok = reader.each_field(line, arena, [&](std::string_view key, JsonValue& value) {
///     if (key == "level") {
///       value.text(level);                               // "info", or 30
///     } else if (key == "http" && value.type() == JsonType::object) {
///       value.each_field([&](std::string_view inner, JsonValue& deep) { …; return true; });
///     }
///     return true;                                       // false = enough, stop here
///   });
namespace tailrace::codec {

enum class JsonType : uint8_t { null, boolean, number, string, object, array };

/// The type of a value that begins with this character.
inline JsonType json_type_of(char first) noexcept {
  switch (first) {
    case '"':
      return JsonType::string;
    case '{':
      return JsonType::object;
    case '[':
      return JsonType::array;
    case 't':
    case 'f':
      return JsonType::boolean;
    case 'n':
      return JsonType::null;
    default:
      return JsonType::number;
  }
}

namespace detail {
/// Where tokens of the text under work lie, and where unescaped text goes.
struct JsonSource {
  const char* parsed = nullptr;    // what simdjson reads: the caller's text, or a padded copy of it
  const char* original = nullptr;  // the caller's text
  Arena* arena = nullptr;

  /// The same bytes in the caller's text.
  std::string_view outside(std::string_view in_parsed) const noexcept {
    return {original + (in_parsed.data() - parsed), in_parsed.size()};
  }
};

std::string_view trim_json_spaces(std::string_view token) noexcept;
inline std::string_view trim_json_space(std::string_view token) noexcept {
  return !token.empty() && token.back() > ' ' ? token : trim_json_spaces(token);
}
/// The content of a string token (with its quotes); false when it is broken.
bool json_string_content(std::string_view token, const JsonSource& source, std::string_view& out);
/// A key, from behind its opening quote.
bool json_key(const char* raw, const JsonSource& source, std::string_view& out);
bool json_scalar_ok(std::string_view token) noexcept;
}  // namespace detail

class JsonObject;

/// A value that was met while walking an object or array. Read it at most once, and before the
/// walk goes on.
class JsonValue {
 public:
  JsonValue(simdjson::ondemand::value value, const detail::JsonSource& source) noexcept
      : value_(value), source_(source) {}

  /// By its first character: what is no JSON at all is called a number.
  JsonType type() noexcept { return json_type_of(*value_.raw_json_token().data()); }

  /// What a person would call its text: a string's unescaped content; a number, true, false and
  /// null as written; an object or array as raw JSON. False when it is broken.
  /// Lifetime: points into the text given to the reader, or (unescaped strings) into the arena.
  bool text(std::string_view& out) {
    std::string_view token = value_.raw_json_token();
    if (token.empty() || token.front() != '"') {
      return other_text(out);
    }
    token = detail::trim_json_space(token);
    const std::string_view inside = token.substr(1, token.size() - 2);
    if (token.size() >= 2 && std::memchr(inside.data(), '\\', inside.size()) == nullptr)
        [[likely]] {
      out = source_.outside(inside);
      return token.back() == '"';
    }
    return detail::json_string_content(token, source_, out);
  }

  /// Walks a nested object: visit(std::string_view key, JsonValue& value) -> bool go_on. False when
  /// this is no object, or a broken one.
  template <class F>
  bool each_field(F&& visit);
  /// Walks a nested array: visit(JsonValue& value) -> bool go_on.
  template <class F>
  bool each_item(F&& visit);
  /// Steps into a nested object, to ask for fields by name; nothing when this is none.
  std::optional<JsonObject> object();

 private:
  bool other_text(std::string_view& out);

  simdjson::ondemand::value value_;
  const detail::JsonSource& source_;
};

/// An object whose fields are asked for by name, in any order. Finish with one value before asking
/// for the next.
class JsonObject {
 public:
  JsonObject(simdjson::ondemand::object object, const detail::JsonSource& source) noexcept
      : object_(object), source_(source) {}
  /// The first field of that name (compared as written), or nothing: not there, or broken.
  std::optional<JsonValue> find(std::string_view name);

 private:
  simdjson::ondemand::object object_;
  const detail::JsonSource& source_;
};

/// Lane: one user at a time. Holds memory of a few times the longest text; release() gives it back.
class JsonReader {
 public:
  JsonReader() = default;

  /// Walks the fields of the object that `text` is, in their order, repeated keys included:
  /// visit(std::string_view key, JsonValue& value) -> bool go_on. False when `text` is no object
  /// or is broken; fields before the broken place have been visited by then.
  ///
  /// `text` needs no padding. Keys and values live as long as `text` and `arena`.
  template <class F>
  bool each_field(std::string_view text, Arena& arena, F&& visit) {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (!start(text, arena, document) || document.get_object().get(object) != simdjson::SUCCESS) {
      return false;
    }
    return walk(object, source_, visit);
  }

  /// Walks the items of the array that `text` is: visit(JsonValue& value) -> bool go_on. False when
  /// `text` is no array, is broken, or goes on behind the array.
  template <class F>
  bool each_item(std::string_view text, Arena& arena, F&& visit) {
    simdjson::ondemand::document document;
    simdjson::ondemand::array array;
    if (!start(text, arena, document) || document.get_array().get(array) != simdjson::SUCCESS) {
      return false;
    }
    for (auto result : array) {
      simdjson::ondemand::value item;
      // Only an rvalue can be taken from. NOLINTNEXTLINE(performance-move-const-arg)
      if (std::move(result).get(item) != simdjson::SUCCESS) {
        return false;
      }
      JsonValue value(item, source_);
      if (!visit(value)) {
        return true;
      }
    }
    return is_over(document);
  }

  /// The same for a text with kBlockPadding readable bytes behind it: never copied. False also when
  /// something follows the object: whoever sent two would lose the second.
  template <class F>
  bool each_padded_field(std::string_view text, Arena& arena, F&& visit) {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (!start_padded(text, text.data(), arena, document) ||
        document.get_object().get(object) != simdjson::SUCCESS) {
      return false;
    }
    bool stopped = false;
    auto visit_all = [&](std::string_view key, JsonValue& value) {
      stopped = !visit(key, value);
      return !stopped;
    };
    if (!walk(object, source_, visit_all)) {
      return false;
    }
    return stopped || is_over(document);
  }

  void release();
  size_t memory_bytes() const noexcept { return capacity_ * 6 + copy_size_; }

  /// True when nothing follows what was walked to its end.
  static bool is_over(simdjson::ondemand::document& document) {
    const char* behind = nullptr;
    return document.current_location().get(behind) == simdjson::OUT_OF_BOUNDS;
  }

  template <class F>
  static bool walk(simdjson::ondemand::object& object, const detail::JsonSource& source, F& visit) {
    for (auto result : object) {
      simdjson::ondemand::field field;
      if (std::move(result).get(field) != simdjson::SUCCESS) {
        return false;
      }
      std::string_view key;
      if (!detail::json_key(field.key().raw(), source, key)) {
        return false;
      }
      JsonValue value(field.value(), source);
      if (!visit(key, value)) {
        return true;
      }
    }
    return true;
  }

 private:
  bool start(std::string_view text, Arena& arena, simdjson::ondemand::document& document);
  bool start_padded(std::string_view text, const char* original, Arena& arena,
                    simdjson::ondemand::document& document);

  simdjson::ondemand::parser parser_;
  size_t capacity_ = 0;
  std::unique_ptr<char[]> copy_;  // a padded copy, for text at the end of a page
  size_t copy_size_ = 0;
  detail::JsonSource source_;
};

template <class F>
bool JsonValue::each_field(F&& visit) {
  simdjson::ondemand::object object;
  if (value_.get_object().get(object) != simdjson::SUCCESS) {
    return false;
  }
  return JsonReader::walk(object, source_, visit);
}

template <class F>
bool JsonValue::each_item(F&& visit) {
  simdjson::ondemand::array array;
  if (value_.get_array().get(array) != simdjson::SUCCESS) {
    return false;
  }
  for (auto result : array) {
    simdjson::ondemand::value item;
    // Only an rvalue can be taken from. NOLINTNEXTLINE(performance-move-const-arg)
    if (std::move(result).get(item) != simdjson::SUCCESS) {
      return false;
    }
    JsonValue value(item, source_);
    if (!visit(value)) {
      return true;
    }
  }
  return true;
}

}  // namespace tailrace::codec
