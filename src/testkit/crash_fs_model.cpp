#include "testkit/crash_fs_model.h"

#include <utility>

namespace tailrace::testkit::crash_model {

namespace {

size_t up_to(Random& random, size_t most) {
  return random() % (most + 1);
}

/// Some bytes of a write; the file may have grown to its full size all the same, and then holds
/// zeros or what lay in the blocks before.
void put_torn(std::string& file, const Change& change, Random& random) {
  const size_t length = change.bytes.size();
  size_t from = random() % 2 == 0 ? 0 : up_to(random, length);
  size_t to = random() % 2 == 0 ? length : up_to(random, length);
  if (from > to) {
    std::swap(from, to);
  }
  const uint64_t size = change.offset + (random() % 2 == 0 ? length : to);
  if (file.size() < size) {
    const size_t old_size = file.size();
    file.resize(size, '\0');
    if (random() % 4 == 0) {
      for (size_t i = old_size; i < size; ++i) {
        file[i] = static_cast<char>(random());
      }
    }
  }
  file.replace(change.offset, to - from, change.bytes, from, to - from);
}

}  // namespace

void put(std::string& file, const Change& change) {
  if (change.truncates) {
    file.resize(change.offset, '\0');
    return;
  }
  if (file.size() < change.offset + change.bytes.size()) {
    file.resize(change.offset + change.bytes.size(), '\0');
  }
  file.replace(change.offset, change.bytes.size(), change.bytes);
}

std::string surviving_bytes(const Node& node, Fate fate, Random& random) {
  std::string file = node.disk;
  if (fate == Fate::nothing) {
    return file;
  }
  // Whole runs are as likely as confetti: journals and page caches write in order more often.
  const size_t style = fate == Fate::everything ? 1 : random() % 4;
  const size_t until = up_to(random, node.pending.size());
  for (size_t i = 0; i < node.pending.size(); ++i) {
    const Change& change = node.pending[i];
    const bool torn_here = style == 2 ? i == until : style == 3 && random() % 3 == 0;
    const bool whole = style == 1 || (style == 2 ? i < until : style == 3 && random() % 2 == 0);
    if (torn_here && !change.truncates && change.offset <= file.size()) {
      put_torn(file, change, random);
    } else if (whole) {
      put(file, change);
    }
  }
  return file;
}

Names surviving_names(const Folder& folder, Fate fate, Random& random) {
  Names names = folder.disk;
  const size_t style = fate == Fate::nothing ? 0 : fate == Fate::everything ? 1 : random() % 4;
  const size_t until = up_to(random, folder.pending.size());
  for (size_t i = 0; i < folder.pending.size(); ++i) {
    const NameChange& change = folder.pending[i];
    const bool happened = style == 1 || (style == 2 && i < until) || (style == 3 && random() % 2);
    if (!happened) {
      continue;
    }
    switch (change.what) {
      case NameChange::What::create:
        names[change.name] = change.node;
        break;
      case NameChange::What::rename:
        names.erase(change.name);
        names[change.to] = change.node;
        break;
      case NameChange::What::remove:
        if (const auto found = names.find(change.name);
            found != names.end() && found->second == change.node) {
          names.erase(found);
        }
        break;
    }
  }
  return names;
}

}  // namespace tailrace::testkit::crash_model
