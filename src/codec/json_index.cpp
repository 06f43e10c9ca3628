#include "codec/json_index.h"

#include <bit>

#include "codec/json_text.h"

namespace tailrace::codec {

static_assert(kBlockPadding >= simdjson::SIMDJSON_PADDING);

namespace {

constexpr size_t kLeastIndexCapacity = 4096;

}  // namespace

bool JsonIndexReader::index(std::string_view text, Arena& arena) {
  if (text.empty()) {
    return false;
  }
  if (capacity_ < text.size()) {
    // By powers of two, or every line that is a byte longer than the last would allocate. Depth is
    // a matter of simdjson's second stage, which does not run.
    capacity_ = std::bit_ceil(std::max(text.size(), kLeastIndexCapacity));
    parser_.reset();
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            capacity_, 1, parser_) != simdjson::SUCCESS) {
      capacity_ = 0;
      return false;
    }
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  if (parser_->stage1(bytes, text.size(), simdjson::stage1_mode::regular) != simdjson::SUCCESS ||
      parser_->n_structural_indexes == 0) {
    return false;
  }
  text_ = text.data();
  arena_ = &arena;
  first_ = parser_->structural_indexes.get();
  last_ = first_ + parser_->n_structural_indexes - 1;
  return text_[*first_] == '{' && text_[*last_] == '}';
}

const uint32_t* JsonIndexReader::skip(const uint32_t* at) const noexcept {
  const char end = text_[*at] == '{' ? '}' : ']';
  for (size_t depth = 0; at <= last_; ++at) {
    switch (text_[*at]) {
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) {
          return text_[*at] == end ? at + 1 : nullptr;
        }
        break;
      default:
        break;
    }
  }
  return nullptr;
}

bool JsonToken::other_text(std::string_view& out) {
  if (first() == '{' || first() == '[') {
    behind_ = reader_.skip(at_);
    if (behind_ == nullptr) {
      return false;
    }
    out = {reader_.text_ + *at_, size_t{behind_[-1]} + 1 - *at_};
    return true;
  }
  out = up_to_next();
  return is_short_whole_number(out) || detail::json_scalar_ok(out);
}

bool JsonToken::unescape(std::string_view inside, std::string_view& out) {
  char* const to = reader_.arena_->array<char>(inside.size());
  size_t size = 0;
  if (!json_unescape(inside, to, size)) {
    return false;
  }
  out = {to, size};
  return true;
}

}  // namespace tailrace::codec
