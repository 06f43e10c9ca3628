#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <simdjson.h>

#include "tailrace/arena.h"
#include "tailrace/block.h"

#include "codec/json.h"

/// A few fields out of every line: walks JSON by the index that simdjson's first stage makes of its
/// structure (where each bracket, colon, comma, string and scalar begins). That is a third of the
/// work of reading on demand (json.h), which keeps track of more than such a walk needs.
namespace tailrace::codec {

/// A name to look for among keys. Holds no character that JSON escapes.
class JsonName {
 public:
  explicit JsonName(std::string_view name) : text_(name) {
    const std::string written = text_ + '"';
    const size_t head = std::min(written.size(), sizeof head_);
    std::memcpy(&head_, written.data(), head);
    std::memset(&mask_, 0xff, head);
  }
  const std::string& text() const noexcept { return text_; }

 private:
  friend class JsonRawKey;
  std::string text_;
  uint64_t head_ = 0;  // the name and its closing quote, as far as they fit
  uint64_t mask_ = 0;
};

/// The first bytes of a key as it is written, up to its closing quote: whether another key is the
/// same one, without a look at its length.
class JsonKeyHead {
 public:
  /// Matches nothing.
  JsonKeyHead() = default;

 private:
  friend class JsonRawKey;
  std::array<uint64_t, 2> bytes_{1, 0};
  std::array<uint64_t, 2> mask_{};
};

namespace detail {

/// `text` has padding behind it. Most strings are so short that a call of memchr costs more.
inline bool has_backslash(std::string_view text) noexcept {
#if defined(__SSE2__)
  if (text.size() <= 64) [[likely]] {
    for (size_t i = 0; i < text.size(); i += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
      const __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
      if (const auto hits = static_cast<uint32_t>(_mm_movemask_epi8(equal)); hits != 0)
          [[unlikely]] {
        return i + static_cast<size_t>(std::countr_zero(hits)) < text.size();
      }
    }
    return false;
  }
#endif
  return std::memchr(text.data(), '\\', text.size()) != nullptr;
}

}  // namespace detail

/// True for up to 16 digits and nothing else, as most numbers are. `text` has kBlockPadding
/// readable bytes behind it.
inline bool is_short_whole_number(std::string_view text) noexcept {
  if (text.empty() || text.size() > 16) {
    return false;
  }
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data()));
  const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(9)), above);
  const uint32_t others = ~static_cast<uint32_t>(_mm_movemask_epi8(digits));
  return (others & ((uint32_t{1} << text.size()) - 1)) == 0;
#else
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
#endif
}

/// A key as it is written, in padded text: cheaper than unescaping it.
class JsonRawKey {
 public:
  explicit JsonRawKey(const char* at) noexcept : at_(at) {}

  /// Of keys that are longer than a head it is one that matches nothing.
  JsonKeyHead head() const noexcept {
    JsonKeyHead head;
    std::memcpy(head.bytes_.data(), at_, sizeof head.bytes_);
    const auto* quote = static_cast<const char*>(std::memchr(at_, '"', sizeof head.bytes_));
    if (quote == nullptr) {
      return {};
    }
    std::memset(head.mask_.data(), 0xff, static_cast<size_t>(quote + 1 - at_));
    head.bytes_[0] &= head.mask_[0];
    head.bytes_[1] &= head.mask_[1];
    return head;
  }
  bool has(const JsonKeyHead& head) const noexcept {
    uint64_t low = 0;
    uint64_t high = 0;
    std::memcpy(&low, at_, sizeof low);
    std::memcpy(&high, at_ + sizeof low, sizeof high);
    return (((low & head.mask_[0]) ^ head.bytes_[0]) | ((high & head.mask_[1]) ^ head.bytes_[1])) ==
           0;
  }

  char first() const noexcept { return *at_; }
  const char* begin() const noexcept { return at_; }
  /// A key that is written with escapes is never equal.
  bool is(const JsonName& name) const noexcept {
    uint64_t head = 0;
    std::memcpy(&head, at_, sizeof head);
    if ((head & name.mask_) != name.head_) {
      return false;
    }
    const size_t size = name.text_.size();
    // strncmp stops at the first difference: at the latest at the key's closing quote.
    return size < sizeof head ||
           (std::strncmp(at_, name.text_.data(), size) == 0 && at_[size] == '"');
  }

 private:
  const char* at_;  // behind the opening quote
};

class JsonToken;

/// Lane: one user at a time. Keeps memory of a few times the longest text.
class JsonIndexReader {
 public:
  /// Walks the fields of the object that `text` is, in their order, repeated keys included:
  /// visit(JsonRawKey key, JsonToken& value) -> bool go_on. False when `text` is no object or is
  /// broken; fields before the broken place have been visited by then. What a walk passes over or
  /// does not come to is checked for UTF-8, closed strings and (if passed) closed brackets only.
  ///
  /// `text` has kBlockPadding readable bytes behind it. Values live as long as `text` and `arena`.
  template <class F>
  bool each_field(std::string_view text, Arena& arena, F&& visit) {
    if (!index(text, arena)) {
      return false;
    }
    const uint32_t* behind = nullptr;
    return walk(first_, visit, behind) && (behind == nullptr || behind > last_);
  }

 private:
  friend class JsonToken;

  /// Makes the index. False when the text cannot be an object.
  bool index(std::string_view text, Arena& arena);
  /// Behind the object or array that begins at `at`; null when it does not end.
  const uint32_t* skip(const uint32_t* at) const noexcept;
  /// The fields of the object that begins at `at`. Sets `behind` when it came to the object's end.
  ///
  /// The last place of the index is a '}', so whatever is something else has a place behind it.
  template <class F>
  bool walk(const uint32_t* at, F& visit, const uint32_t*& behind);

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  size_t capacity_ = 0;
  // Of the text under work.
  const char* text_ = nullptr;
  Arena* arena_ = nullptr;
  const uint32_t* first_ = nullptr;
  const uint32_t* last_ = nullptr;
};

/// A value that a walk met.
class JsonToken {
 public:
  /// By its first character: what is no JSON at all is called a number.
  JsonType type() const noexcept { return json_type_of(first()); }

  /// What a person would call its text: a string's unescaped content; a number, true, false and
  /// null as written; an object or array as raw JSON. False when it is broken.
  /// Lifetime: points into the text given to the reader, or (unescaped strings) into the arena.
  bool text(std::string_view& out) {
    const char* const begin = reader_.text_ + *at_;
    if (*begin != '"') {
      return other_text(out);
    }
    const std::string_view token = up_to_next();
    if (token.size() < 2 || token.back() != '"') {
      return false;
    }
    const std::string_view inside(begin + 1, token.size() - 2);
    if (!detail::has_backslash(inside)) [[likely]] {
      out = inside;
      return true;
    }
    return unescape(inside, out);
  }

  /// Walks a nested object: visit(JsonRawKey key, JsonToken& value) -> bool go_on. False when this
  /// is no object, or a broken one.
  template <class F>
  bool each_field(F&& visit) {
    return first() == '{' && reader_.walk(at_, visit, behind_);
  }

 private:
  friend class JsonIndexReader;
  JsonToken(JsonIndexReader& reader, const uint32_t* at) noexcept : reader_(reader), at_(at) {}

  char first() const noexcept { return reader_.text_[*at_]; }
  /// A string (with its quotes) or scalar, as written.
  std::string_view up_to_next() const noexcept {
    const char* const begin = reader_.text_ + at_[0];
    return detail::trim_json_space({begin, at_[1] - at_[0]});
  }
  bool other_text(std::string_view& out);
  bool unescape(std::string_view inside, std::string_view& out);
  /// The place in the index behind this value; null when there is no value, or one without an end.
  const uint32_t* behind() const noexcept {
    if (behind_ != nullptr) {
      return behind_;
    }
    const char begin = first();
    // The six that are no scalar lie in pairs: ',' and ':' apart, brackets and braces 0x20 apart.
    const char bracket = static_cast<char>(begin | 0x20);
    if (bracket != '{' && bracket != '}' && begin != ',' && begin != ':') [[likely]] {
      return at_ + 1;
    }
    return bracket == '{' ? reader_.skip(at_) : nullptr;
  }

  JsonIndexReader& reader_;
  const uint32_t* at_;  // in the index
  const uint32_t* behind_ = nullptr;
};

template <class F>
bool JsonIndexReader::walk(const uint32_t* at, F& visit, const uint32_t*& behind) {
  ++at;
  if (text_[*at] == '}') {
    behind = at + 1;
    return true;
  }
  for (;;) {
    if (text_[at[0]] != '"' || text_[at[1]] != ':') {
      return false;
    }
    JsonToken value(*this, at + 2);
    if (!visit(JsonRawKey(text_ + at[0] + 1), value)) {
      return true;
    }
    at = value.behind();
    if (at == nullptr || at > last_) {
      return false;
    }
    const char next = text_[*at++];
    if (next == '}') {
      behind = at;
      return true;
    }
    if (next != ',') {
      return false;
    }
  }
}

}  // namespace tailrace::codec
