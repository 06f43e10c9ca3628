#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tailrace/input.h"

#include "plugins/inputs/tail/chain_plan.h"
#include "plugins/inputs/tail/discovery.h"
#include "plugins/inputs/tail/file_checkpoints.h"
#include "plugins/inputs/tail/opener.h"
#include "plugins/inputs/tail/path_labels.h"
#include "plugins/inputs/tail/source.h"
#include "plugins/inputs/tail/stats.h"
#include "plugins/inputs/tail/tail_config.h"
#include "plugins/inputs/tail/watcher.h"

namespace tailrace::inputs::tail {

struct FileIdHash {
  size_t operator()(const FileId& id) const noexcept {
    return std::hash<uint64_t>()(id.inode * 0x9e3779b97f4a7c15ULL ^ id.device);
  }
};

/// What becomes of the files that the catalog finds.
class CatalogListener {
 public:
  /// The source has files that were not there before; `files` is complete and in order.
  virtual void on_chain(Source& source) = 0;
  /// The file is no longer what its source's path names.
  virtual void on_rotated(File& file) = 0;
  /// The file is there, and this large. `full`: a rescan says so.
  virtual void on_listed(File& file, const ListedFile& listed, bool full) = 0;
  /// The source is to be listed again soon.
  virtual void on_relist(Source& source) = 0;
  /// What was read of a truncated file goes on in `copy`, or nowhere (null).
  virtual void on_truncation_solved(Source& source, File* copy) = 0;
  virtual void on_opened() = 0;

 protected:
  ~CatalogListener() = default;
};

/// Which sources and files there are: keeps up with what scans find, opens what is new, and finds
/// out from where each file is to be read (plan_chain).
/// Lane: the input's.
class Catalog {
 public:
  Catalog(const TailConfig& config, InputContext& context, Stats& stats,
          FileCheckpoints& checkpoints, Watcher& watcher, CatalogListener& listener);

  /// Takes over what a scan has found.
  void apply(ScanResult& scan);
  /// The file was truncated: takes a new File for its content from now on.
  void replace_truncated(File& file);
  /// Takes the file off its source, and the source away if it has no other.
  void remove(File& file);
  /// Nothing is read of it any more. Its inode may be another file's from now on.
  void close(File& file);
  bool opening() const noexcept { return opening_ != 0; }
  /// Whether files with this order hash are this lane's.
  bool owns(uint64_t order_hash) const;
  bool is_foreign(ino_t inode) const { return foreign_inodes_.contains(inode); }
  const std::unordered_map<std::string, std::unique_ptr<Source>>& sources() const noexcept {
    return sources_;
  }
  /// Real path to label path of all sources, for a scan.
  std::map<std::string, std::string> known_paths() const;
  template <class Call>
  void for_each_file(Call call) const {
    for (const auto& [path, source] : sources_) {
      for (const auto& file : source->files) {
        call(file);
      }
    }
  }
  void report_problem(Source& source, const std::string& problem);

 private:
  using Listing = std::vector<ListedFile>;
  bool is_ours(const ListedSource& listed) const;
  Source* find_or_make(const ListedSource& listed);
  void locate(Source& source, const Listing& files, bool full);
  void mark_missing(Source& source);
  void look_for_new(Source& source, ListedSource& listed, bool full);
  void adopt(Source& source, File& file, const ListedFile& listed);
  /// A rotated file that a pattern names has events under its own name as well as its source's,
  /// which are the source's for as long as there is one.
  void watch_name(File& file);
  void unwatch_name(const File& file);
  /// What is opened on a worker thread, and what came of it.
  struct OpenJob {
    std::string real_path;
    Listing files;
    SeenNames seen;
    std::vector<size_t> wanted;   // of files
    std::vector<OpenTask> tasks;  // one for each
    std::vector<OpenedFile> opened;
    std::vector<uint64_t> ends;
    bool start_at_end = false;
    bool outdated = false;  // these are not the files' names any more
  };
  void start_opening(Source& source, ListedSource& listed, std::vector<size_t> wanted);
  void finish_opening(Source& source, OpenJob& job);
  /// The plan's view of all files. False: the listing is out of date.
  bool describe(Source& source, const OpenJob& job, std::vector<PlanFile>& files);
  void make_files(Source& source, OpenJob& job, const std::vector<PlanFile>& files);
  /// Predecessors that are owed but unreadable while a successor can be begun: false when they are
  /// to be tried again first, else they are given up.
  bool passes_over(Source& source, const OpenJob& job, const std::vector<PlanStep>& steps);
  std::shared_ptr<File> make_file(Source& source, const ListedFile& listed,
                                  const OpenedFile& opened, bool gzip);
  static void resume(File& file, const CheckpointRow& row);
  void put_in_order(Source& source, const Listing& files, std::vector<std::shared_ptr<File>> made);
  bool too_old(const Source& source, const ListedFile& file);
  void forget(Source& source);
  int64_t now() const noexcept { return lane_.clock().monotonic_ns(); }

  const TailConfig& config_;
  InputContext& context_;
  Lane& lane_;
  Stats& stats_;
  FileCheckpoints& checkpoints_;
  Watcher& watcher_;
  CatalogListener& listener_;
  std::unordered_map<std::string, std::unique_ptr<Source>> sources_;  // by real path
  std::unordered_map<FileId, File*, FileIdHash> by_id_;
  std::string own_pod_;
  std::string own_namespace_;
  size_t opening_ = 0;
  bool initial_ = true;                       // nothing was found yet
  std::unordered_set<ino_t> foreign_inodes_;  // of files that another lane reads
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
