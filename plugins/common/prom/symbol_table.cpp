#include "plugins/common/prom/symbol_table.h"

#include <algorithm>

#include "codec/hash.h"
#include "codec/proto_writer.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::common::prom {

namespace {
constexpr size_t kFirstSlots = 1024;
}

uint32_t SymbolTable::ref(std::string_view text) {
  if (symbols_.empty()) {
    // symbols[0] must be the empty text.
    slots_.assign(std::max(slots_.size(), kFirstSlots), 0);
    add({}, codec::stable_hash({}));
  }
  const uint64_t hash = codec::stable_hash(text);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const uint32_t index = slots_[at] - 1;
    const Symbol& known = symbols_[index];
    if (known.hash == hash && encoded_.view(known.offset, known.length) == text) {
      return index;
    }
  }
  return add(text, hash);
}

uint32_t SymbolTable::add(std::string_view text, uint64_t hash) {
  if ((symbols_.size() + 1) * 2 > slots_.size()) {
    grow();
  }
  const auto index = static_cast<uint32_t>(symbols_.size());
  char* to = encoded_.reserve(codec::bytes_field_size(v2::request::kSymbols, text.size()));
  to = codec::write_bytes_field(to, v2::request::kSymbols, text);
  encoded_.advance_to(to);
  symbols_.push_back({hash, static_cast<uint32_t>(encoded_.size() - text.size()),
                      static_cast<uint32_t>(text.size())});
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at] != 0) {
    at = (at + 1) & mask;
  }
  slots_[at] = index + 1;
  return index;
}

void SymbolTable::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    size_t at = symbols_[i].hash & mask;
    while (slots_[at] != 0) {
      at = (at + 1) & mask;
    }
    slots_[at] = static_cast<uint32_t>(i) + 1;
  }
}

void SymbolTable::clear() noexcept {
  encoded_.clear();
  symbols_.clear();
}

void SymbolTable::release() noexcept {
  encoded_.release();
  symbols_ = {};
  slots_ = {};
}

}  // namespace tailrace::common::prom
