#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

/// What CrashFs knows of files and folders, and what a power loss may leave of them.
namespace tailrace::testkit::crash_model {

using Random = std::mt19937_64;

/// A write or truncation that no sync has made certain yet.
struct Change {
  bool truncates = false;
  uint64_t offset = 0;  // or the new size
  std::string bytes;
  bool doomed = false;  // met by a failed sync: no later one saves it
};

struct Node {
  std::string seen;  // what readers get
  std::string disk;  // what is certain
  std::vector<Change> pending;
};

struct NameChange {
  enum class What { create, rename, remove } what;
  std::string name;
  std::string to;  // of a rename
  std::shared_ptr<Node> node;
};

using Names = std::map<std::string, std::shared_ptr<Node>>;

struct Folder {
  Names seen;
  Names disk;
  std::vector<NameChange> pending;
};

/// How much of what was not synced survives.
enum class Fate { nothing, everything, random };

void put(std::string& file, const Change& change);
std::string surviving_bytes(const Node& node, Fate fate, Random& random);
Names surviving_names(const Folder& folder, Fate fate, Random& random);

}  // namespace tailrace::testkit::crash_model
