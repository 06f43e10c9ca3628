#include "codec/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <unistd.h>

#include "tailrace/block.h"

#include "codec/json_text.h"

namespace tailrace::codec {

static_assert(kBlockPadding >= simdjson::SIMDJSON_PADDING);

namespace {

/// simdjson reads (and ignores) up to kBlockPadding bytes behind a text. Within a page that is safe
/// whoever owns them; only a text near its end must be copied first. A checker that knows who owns
/// what would rightly complain, so under one everything is copied.
bool may_read_behind([[maybe_unused]] std::string_view text) noexcept {
#ifdef TAILRACE_SANITIZERS
  return false;
#else
  constexpr uintptr_t kPage = 4096;  // the smallest page there is
  const auto last = reinterpret_cast<uintptr_t>(text.data() + text.size());
  return (last & (kPage - 1)) + kBlockPadding <= kPage && (last & (kPage - 1)) != 0;
#endif
}

constexpr size_t kLeastCapacity = 4096;

/// The characters that numbers are made of.
constexpr std::array<bool, 256> kInNumber = [] {
  std::array<bool, 256> in_number{};
  for (const char c : std::string_view("0123456789.-+eE")) {
    in_number[static_cast<uint8_t>(c)] = true;
  }
  return in_number;
}();

}  // namespace

namespace detail {

std::string_view trim_json_spaces(std::string_view token) noexcept {
  const size_t last = token.find_last_not_of(" \n\r\t");
  return token.substr(0, last + 1);  // npos + 1 is 0
}

bool json_string_content(std::string_view token, const JsonSource& source, std::string_view& out) {
  token = trim_json_space(token);
  if (token.size() < 2 || token.back() != '"') {
    return false;
  }
  const std::string_view inside = token.substr(1, token.size() - 2);
  if (inside.find('\\') == std::string_view::npos) [[likely]] {
    out = source.outside(inside);
    return true;
  }
  char* to = source.arena->array<char>(inside.size());
  size_t size = 0;
  if (!json_unescape(inside, to, size)) {
    return false;
  }
  out = {to, size};
  return true;
}

bool json_key(const char* raw, const JsonSource& source, std::string_view& out) {
  // simdjson has seen the closing quote of every string, so the search ends within the text.
  const char* at = raw;
  while (*at != '"') {
    at += *at == '\\' ? 2 : 1;
  }
  return json_string_content({raw - 1, static_cast<size_t>(at - raw) + 2}, source, out);
}

bool json_scalar_ok(std::string_view token) noexcept {
  if (token.empty()) {
    return false;
  }
  if (token[0] != '-' && (token[0] < '0' || token[0] > '9')) {
    return token == "true" || token == "false" || token == "null";
  }
  for (const char c : token) {
    if (!kInNumber[static_cast<uint8_t>(c)]) {
      return false;
    }
  }
  return true;
}

}  // namespace detail

bool JsonValue::other_text(std::string_view& out) {
  const std::string_view token = value_.raw_json_token();
  if (token.empty()) {
    return false;
  }
  switch (token.front()) {
    case '{':
    case '[': {
      // raw_json walks an object or array to its end, and leaves the walk behind it.
      std::string_view raw;
      simdjson::ondemand::object object;
      simdjson::ondemand::array array;
      const auto error = token.front() == '{'
                             ? (value_.get_object().get(object) || object.raw_json().get(raw))
                             : (value_.get_array().get(array) || array.raw_json().get(raw));
      if (error) {
        return false;
      }
      out = source_.outside(detail::trim_json_space(raw));
      return true;
    }
    default: {
      const std::string_view scalar = detail::trim_json_space(token);
      out = source_.outside(scalar);
      return detail::json_scalar_ok(scalar);
    }
  }
}

std::optional<JsonObject> JsonValue::object() {
  simdjson::ondemand::object object;
  if (value_.get_object().get(object) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return JsonObject(object, source_);
}

std::optional<JsonValue> JsonObject::find(std::string_view name) {
  simdjson::ondemand::value value;
  if (object_.find_field_unordered(name).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return JsonValue(value, source_);
}

bool JsonReader::start(std::string_view text, Arena& arena,
                       simdjson::ondemand::document& document) {
  if (text.empty()) {
    return false;
  }
  const char* parsed = text.data();
  if (!may_read_behind(text)) {
    if (copy_size_ < text.size() + kBlockPadding) {
      copy_size_ = std::bit_ceil(std::max(text.size() + kBlockPadding, kLeastCapacity));
      copy_.reset(new char[copy_size_]());
    }
    std::memcpy(copy_.get(), text.data(), text.size());
    parsed = copy_.get();
  }
  return start_padded({parsed, text.size()}, text.data(), arena, document);
}

bool JsonReader::start_padded(std::string_view text, const char* original, Arena& arena,
                              simdjson::ondemand::document& document) {
  if (text.empty()) {
    return false;
  }
  if (capacity_ < text.size()) {
    // By powers of two, or every line that is a byte longer than the last would allocate.
    capacity_ = std::bit_ceil(std::max(text.size(), kLeastCapacity));
    if (parser_.allocate(capacity_) != simdjson::SUCCESS) {
      capacity_ = 0;
      return false;
    }
  }
  source_ = {text.data(), original, &arena};
  const simdjson::padded_string_view padded(text.data(), text.size(), text.size() + kBlockPadding);
  return parser_.iterate(padded).get(document) == simdjson::SUCCESS;
}

void JsonReader::release() {
  parser_ = simdjson::ondemand::parser();
  capacity_ = 0;
  copy_.reset();
  copy_size_ = 0;
}

}  // namespace tailrace::codec
