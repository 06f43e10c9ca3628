#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/lane.h"
#include "tailrace/result.h"

namespace tailrace::net {

/// The content of files that others replace while we run: passwords, tokens, certificates.
///
/// A look at inode, size and times, on a worker thread and at most once a second, tells whether a
/// file must be read again. A file that cannot be read any more keeps its last content.
///
/// Lane: the one given; nothing here blocks it.
class WatchedFiles {
 public:
  /// Path -> content, as it is in the file.
  using Contents = std::map<std::string, std::string>;
  using Done = std::function<void(const Status&, std::shared_ptr<const Contents>)>;

  /// Empty and repeated paths are ignored.
  WatchedFiles(Lane& lane, std::vector<std::string> paths);
  ~WatchedFiles();
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  /// Reads everything at once, blocking: for start-up.
  Status load_now();

  /// Hands over contents that are at most a second old: at once when the last look was within it,
  /// else after the next one. An error names a file that could never be read; then the contents
  /// are null. Not called any more once this object is gone.
  void fresh(Done done);

  /// True when fresh() would call back at once.
  bool is_fresh() const;

  /// What was read last; null before that.
  std::shared_ptr<const Contents> last() const noexcept { return contents_; }

 private:
  struct Seen;
  struct Look;
  static void look_at(Look& look);
  void take(const Look& look);

  Lane& lane_;
  std::vector<std::string> paths_;
  std::shared_ptr<const Contents> contents_;
  std::shared_ptr<const std::map<std::string, Seen>> seen_;
  Status status_;
  bool looked_ = false;
  bool looking_ = false;
  int64_t looked_ns_ = 0;
  std::vector<Done> waiting_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// The content without blanks and line ends around it: how a file holds a password or a token.
std::string trimmed(const std::string& content);

}  // namespace tailrace::net
