#include "plugins/common/prom/scrape_cache/entries.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "codec/hash.h"

namespace tailrace::common::prom {

uint64_t Entries::hash_of(std::string_view text) noexcept {
  return codec::stable_hash(text);
}

uint32_t Entries::find(std::string_view text, uint8_t type) const {
  return by_text_.find(hash_of(text), [&](uint32_t id) {
    const Entry& entry = entries_[id];
    return entry.text_size == text.size() && (entry.valid_types & type) != 0 &&
           !entry.has(Entry::kDead) && std::memcmp(entry.text, text.data(), text.size()) == 0;
  });
}

uint32_t Entries::find_series(std::string_view encoded, uint64_t hash) const {
  return by_series_.find(hash, [&](uint32_t id) {
    return series_[id].hash == hash && !entries_[id].has(Entry::kDead) &&
           series_[id].encoded_labels == encoded;
  });
}

uint32_t Entries::add(std::string_view text, uint16_t flags, uint8_t valid_types) {
  const uint32_t id = entries_.size();
  Entry& entry = entries_.emplace_back();
  series_.emplace_back();
  entry.text = texts_.add(text);
  entry.text_size = static_cast<uint32_t>(text.size());
  entry.flags = flags;
  entry.valid_types = valid_types;
  by_text_.insert(id, hash_of(text), [this](uint32_t of) { return hash_of(entries_[of].view()); });
  return id;
}

void Entries::set_series(uint32_t id, std::string_view encoded, uint64_t hash,
                         const Family* family) {
  series_[id].encoded_labels = encoded;
  series_[id].hash = hash;
  series_[id].family = family;
  most_encoded_ = std::max<uint64_t>(most_encoded_, encoded.size());
  by_series_.insert(id, hash, [this](uint32_t of) { return series_[of].hash; });
}

void Entries::set_alias(uint32_t id, uint32_t owner) {
  entries_[id].flags |= Entry::kAlias;
  aliases_[id] = owner;
  entries_[owner].flags |= Entry::kHasAlias;
  text_pages_.try_emplace(owner, entries_[owner].seen);
}

void Entries::kill(uint32_t id) noexcept {
  entries_[id].flags |= Entry::kDead;
  ++dead_;
}

Family& Entries::family(std::string_view name) {
  if (const auto at = families_.find(name); at != families_.end()) {
    return *at->second;
  }
  auto family = std::make_unique<Family>();
  family->name = name;
  Family& result = *family;
  families_.emplace(result.name, std::move(family));
  return result;
}

void Entries::compact() {
  std::vector<uint32_t> ids(size(), kNoId);
  TextStore old_texts = std::exchange(texts_, {});
  TextStore old_encodings = std::exchange(encodings_, {});
  by_text_.clear();
  by_series_.clear();
  most_encoded_ = 0;
  uint32_t live = 0;
  for (uint32_t id = 0; id < size(); ++id) {
    if (entries_[id].has(Entry::kDead)) {
      continue;
    }
    ids[id] = live;
    move_entry(id, live);
    Entry& entry = entries_[live];
    old_texts.release_before(entry.text);
    entry.text = texts_.add(entry.view());
    MetricSeries& series = series_[live];
    if (!series.encoded_labels.empty()) {
      old_encodings.release_before(series.encoded_labels.data());
      most_encoded_ = std::max<uint64_t>(most_encoded_, series.encoded_labels.size());
      series.encoded_labels = {encodings_.add(series.encoded_labels), series.encoded_labels.size()};
    }
    ++live;
  }
  std::unordered_map<uint32_t, uint32_t> aliases;
  for (const auto& [alias, owner] : aliases_) {
    if (ids[alias] != kNoId) {
      aliases.emplace(ids[alias], ids[owner]);
    }
  }
  aliases_ = std::move(aliases);
  std::unordered_map<uint32_t, uint32_t> text_pages;
  for (const auto& [owner, page] : text_pages_) {
    if (ids[owner] != kNoId) {
      text_pages.emplace(ids[owner], page);
    }
  }
  text_pages_ = std::move(text_pages);
  std::unordered_map<uint32_t, HistogramPart> renamed_parts;
  for (auto& [id, part] : parts) {
    // A page that has a part has marked the histogram, too: that one lives as long.
    if (ids[id] != kNoId) {
      part.histogram = ids[part.histogram];
      renamed_parts.emplace(ids[id], part);
    }
  }
  parts = std::move(renamed_parts);
  first = renamed(first, ids);
  // `next` names entries by their old ids; those of dead ones, whose own `next` the loop needs,
  // are still there behind `live`, or were overwritten: then the neighbour is as good a guess.
  for (uint32_t id = 0; id < live; ++id) {
    entries_[id].next = renamed(entries_[id].next, ids);
  }
  entries_.shrink_to(live);
  series_.shrink_to(live);
  const auto shrink = [live](auto& column) { column.shrink_to(std::min(column.size(), live)); };
  shrink(timestamps);
  shrink(created);
  shrink(created_keys);
  shrink(exemplar_hashes);
  for (uint32_t id = 0; id < live; ++id) {
    by_text_.insert(id, hash_of(entries_[id].view()),
                    [this](uint32_t of) { return hash_of(entries_[of].view()); });
    if (!series_[id].encoded_labels.empty()) {
      by_series_.insert(id, series_[id].hash, [this](uint32_t of) { return series_[of].hash; });
    }
  }
  dead_ = 0;
  drop_unused_families();
}

void Entries::move_entry(uint32_t from, uint32_t to) {
  if (from == to) {
    return;
  }
  entries_[to] = entries_[from];
  series_[to] = std::move(series_[from]);
  const auto move = [from, to](auto& column) {
    if (from < column.size()) {
      column[to] = column[from];
    } else if (to < column.size()) {
      column[to] = 0;
    }
  };
  move(timestamps);
  move(created);
  move(created_keys);
  move(exemplar_hashes);
}

uint32_t Entries::renamed(uint32_t id, const std::vector<uint32_t>& ids) const {
  // The entry behind a dead one, by id: pages are mostly read in the order of ids.
  while (id < ids.size() && ids[id] == kNoId) {
    ++id;
  }
  return id < ids.size() ? ids[id] : kNoId;
}

void Entries::drop_unused_families() {
  std::unordered_set<const Family*> used;
  for (uint32_t id = 0; id < size(); ++id) {
    if (entries_[id].has(Entry::kMeta)) {
      used.insert(reinterpret_cast<const Family*>(entries_[id].value_text[0]));
    } else if (series_[id].family != nullptr) {
      used.insert(static_cast<const Family*>(series_[id].family));
    }
  }
  std::erase_if(families_, [&](const auto& row) { return !used.contains(row.second.get()); });
}

size_t Entries::bytes() const noexcept {
  return entries_.bytes() + series_.bytes() + texts_.bytes() + encodings_.bytes() +
         by_text_.bytes() + by_series_.bytes() + timestamps.bytes() + created.bytes() +
         created_keys.bytes() + exemplar_hashes.bytes();
}

}  // namespace tailrace::common::prom
