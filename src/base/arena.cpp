#include "tailrace/arena.h"

#include <algorithm>

#include "tailrace/block.h"

namespace tailrace {

void Arena::grow(size_t at_least) {
  // Reuse the next chunk when it is large enough; chunks that are too small stay for later units.
  for (size_t next = next_ == nullptr ? 0 : current_ + 1; next < chunks_.size(); ++next) {
    if (chunks_[next].size >= at_least) {
      std::swap(chunks_[next], chunks_[next_ == nullptr ? 0 : current_ + 1]);
      current_ = next_ == nullptr ? 0 : current_ + 1;
      next_ = chunks_[current_].data.get();
      end_ = next_ + chunks_[current_].size;
      return;
    }
  }
  const size_t size = std::max(chunk_bytes_, at_least);
  const size_t place = next_ == nullptr ? 0 : current_ + 1;
  // Texts in the arena are read by SIMD code past their end.
  chunks_.insert(chunks_.begin() + static_cast<ptrdiff_t>(place),
                 Chunk{std::unique_ptr<char[]>(new char[size + kBlockPadding]), size});
  reserved_ += size + kBlockPadding;
  current_ = place;
  next_ = chunks_[current_].data.get();
  end_ = next_ + size;
}

void Arena::reset(size_t keep_bytes) {
  size_t kept = 0;
  auto too_much = [&](const Chunk& chunk) {
    kept += chunk.size + kBlockPadding;
    return kept > keep_bytes;
  };
  std::erase_if(chunks_, [&](const Chunk& chunk) {
    if (too_much(chunk)) {
      reserved_ -= chunk.size + kBlockPadding;
      kept -= chunk.size + kBlockPadding;
      return true;
    }
    return false;
  });
  current_ = 0;
  next_ = chunks_.empty() ? nullptr : chunks_[0].data.get();
  end_ = chunks_.empty() ? nullptr : next_ + chunks_[0].size;
}

}  // namespace tailrace
