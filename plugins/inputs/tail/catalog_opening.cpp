// Catalog's second half: opens what is new, and finds out from where each file is to be read.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "plugins/inputs/tail/catalog.h"
#include "plugins/inputs/tail/framing.h"

namespace tailrace::inputs::tail {
namespace {

// There are filesystems whose listings never agree. They are believed after so many, some seconds.
constexpr uint32_t kMostOutdated = 100;

bool is_gzip(const ListedFile& file) {
  return file.rotated ? file.rotated->gzip : file.name.ends_with(".gz");
}

/// Of a file that was not read yet it may be that it was empty when it was opened.
Fingerprint fingerprint_now(const File& file) {
  std::string head;
  if (file.fingerprint.size != 0 || file.gzip || !read_head(*file.descriptor, head)) {
    return file.fingerprint;
  }
  return Fingerprint::of(head);
}

Format detect(const std::string& head, bool container) {
  const std::string padded = head + std::string(kBlockPadding, '\0');
  UnitBytes start;
  start.bytes = std::string_view(padded).substr(0, head.size());
  return Framer::detect(start, container).value_or(Format::unknown);
}

}  // namespace

void Catalog::start_opening(Source& source, ListedSource& listed, std::vector<size_t> wanted) {
  auto job = std::make_shared<OpenJob>();
  job->real_path = source.real_path;
  job->files = std::move(listed.files);
  job->seen = listed.seen;
  job->wanted = std::move(wanted);
  job->start_at_end = initial_ && checkpoints_.first_start() && config_.start_at == StartAt::end;
  for (const size_t i : job->wanted) {
    job->tasks.push_back({source.directory() + job->files[i].name, is_gzip(job->files[i])});
  }
  source.opening = true;
  ++opening_;
  lane_.offload(
      [job] {
        for (const OpenTask& task : job->tasks) {
          job->opened.push_back(open_file(task));
          const OpenedFile& opened = job->opened.back();
          const bool at_end = job->start_at_end && opened.descriptor != nullptr && !task.gzip;
          job->ends.push_back(at_end ? end_of_lines(opened) : 0);
        }
        // Only now that they are open nothing else can have their inodes.
        job->outdated = is_outdated(job->real_path, job->seen);
      },
      [this, job, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) {
          return;
        }
        --opening_;
        if (const auto source = sources_.find(job->real_path); source != sources_.end()) {
          source->second->opening = false;
          finish_opening(*source->second, *job);
        }
        listener_.on_opened();
      });
}

void Catalog::finish_opening(Source& source, OpenJob& job) {
  std::vector<PlanFile> files(job.files.size());
  source.outdated = job.outdated ? source.outdated + 1 : 0;
  if ((job.outdated && source.outdated < kMostOutdated) || !describe(source, job, files)) {
    // Planning on half of the files could put them into the wrong order, or take a predecessor for
    // one that was read.
    listener_.on_relist(source);
    return;
  }
  make_files(source, job, files);
  listener_.on_chain(source);
  if (std::exchange(source.relist, false)) {
    listener_.on_relist(source);
  }
}

bool Catalog::describe(Source& source, const OpenJob& job, std::vector<PlanFile>& files) {
  for (size_t i = 0; i < files.size(); ++i) {
    const ListedFile& listed = job.files[i];
    PlanFile& file = files[i];
    file.inode = listed.id.inode;
    file.rotated = listed.rotated.has_value();
    file.wanted = listed.wanted;
    file.mtime_ns = listed.mtime_ns;
    file.gzip = is_gzip(listed);
    const auto known = by_id_.find(listed.id);
    file.open = known != by_id_.end() && known->second->source == &source;
    file.usable = file.open;
  }
  std::vector<const File*> originals;  // open files without a name, each for one gzipped file
  for (const auto& known : source.files) {
    if (!known->gone && !known->located) {
      originals.push_back(known.get());
    }
  }
  std::string problem;
  bool up_to_date = true;
  for (size_t k = 0; k < job.wanted.size(); ++k) {
    const OpenedFile& opened = job.opened[k];
    PlanFile& file = files[job.wanted[k]];
    const ListedFile& listed = job.files[job.wanted[k]];
    if (opened.descriptor == nullptr && opened.error != ENOENT && opened.error != EINVAL) {
      problem = fmt::format("{}: {}", listed.name, std::strerror(opened.error));
      file.unreadable = true;
    } else if (opened.descriptor == nullptr || opened.id != listed.id) {
      up_to_date = false;  // it was renamed, or replaced, between the listing and the opening
    } else if (!opened.problem.empty()) {
      problem = fmt::format("{}: {}", listed.name, opened.problem);
      file.unreadable = true;
    } else if (!by_id_.contains(opened.id)) {
      file.usable = true;
      file.size = opened.size;
      file.mtime_ns = opened.mtime_ns;
      file.head = opened.head;
      // A gzipped file's original may still be open: it is read to its end there.
      const auto original = std::ranges::find_if(originals, [&](const File* known) {
        return file.gzip && fingerprint_now(*known).matches(opened.head);
      });
      if (original != originals.end()) {
        file.open = true;
        originals.erase(original);
      }
    }
  }
  if (!problem.empty()) {
    report_problem(source, problem);
  } else {
    source.problem.clear();
    source.failures = 0;
  }
  return up_to_date;
}

void Catalog::make_files(Source& source, OpenJob& job, const std::vector<PlanFile>& files) {
  std::vector<ino_t> inodes;
  for (const PlanFile& file : files) {
    inodes.push_back(file.inode);
  }
  const auto left = checkpoints_.left_for(source.real_path, inodes);
  std::vector<const CheckpointRow*> rows;
  for (const FileCheckpoints::LeftRow* row : left) {
    rows.push_back(&row->row);
  }
  CheckpointRow truncated;
  if (source.truncated != nullptr) {
    const File& file = *source.truncated;
    truncated = make_row(file, file.framing.replay_point(file.position));
    rows.push_back(&truncated);
  }
  // `run --once` is asked for everything that is there.
  const int64_t since = context_.once() ? 0 : checkpoints_.since().of(source.label_path);
  PlanPolicy policy{config_.read_rotated, job.start_at_end, source.known_mtime_ns, since};
  for (const auto& file : source.files) {
    policy.known_mtime_ns = std::max(policy.known_mtime_ns, file->mtime_ns);
  }
  const std::vector<PlanStep> steps = plan_chain(files, rows, policy);
  if (!passes_over(source, job, steps)) {
    listener_.on_relist(source);
    return;
  }

  std::vector<std::shared_ptr<File>> made(files.size());
  File* copy = nullptr;
  for (size_t k = 0; k < job.wanted.size(); ++k) {
    const size_t i = job.wanted[k];
    const PlanStep& step = steps[i];
    if (step.kind != PlanStep::Kind::resume && step.kind != PlanStep::Kind::begin &&
        step.kind != PlanStep::Kind::end) {
      continue;
    }
    made[i] = make_file(source, job.files[i], job.opened[k], files[i].gzip);
    File& file = *made[i];
    if (step.kind == PlanStep::Kind::end) {
      file.position = file.end = job.ends[k];
    } else if (step.kind == PlanStep::Kind::resume) {
      resume(file, *rows[step.row]);
      if (step.row < left.size()) {
        checkpoints_.claim(*left[step.row], file, job.opened[k].head);
      } else {
        file.elder = source.truncated;
        copy = &file;
      }
    }
    if (file.has_line && file.framing.format == Format::unknown) {
      // Its first row is to say it already: what compresses the file leaves nothing else to tell
      // it.
      file.framing.format = config_.format != Format::unknown
                                ? config_.format
                                : detect(job.opened[k].head, source.container);
    }
  }
  put_in_order(source, job.files, std::move(made));
  if (source.truncated != nullptr) {
    listener_.on_truncation_solved(source, copy);
  }
}

bool Catalog::passes_over(Source& source, const OpenJob& job, const std::vector<PlanStep>& steps) {
  const auto newest = std::find_if(steps.rbegin(), steps.rend(), [](const PlanStep& step) {
    return step.kind == PlanStep::Kind::begin || step.kind == PlanStep::Kind::resume;
  });
  const auto owed = [](const PlanStep& step) { return step.kind == PlanStep::Kind::owed; };
  if (std::none_of(newest, steps.rend(), owed)) {
    return true;
  }
  if (source.failures < kMostFailures) {
    return false;
  }
  for (size_t i = 0; i < static_cast<size_t>(steps.rend() - newest); ++i) {
    if (owed(steps[i])) {
      context_.feed().lost({1, job.files[i].size}, "unreadable", false);
      context_.log().error("unreadable_predecessor",
                           fmt::format("gives up {}{}: it cannot be read, and its successors wait",
                                       source.directory(), job.files[i].name));
    }
  }
  return true;
}

std::shared_ptr<File> Catalog::make_file(Source& source, const ListedFile& listed,
                                         const OpenedFile& opened, bool gzip) {
  auto file = std::make_shared<File>();
  file->source = &source;
  file->descriptor = opened.descriptor;
  file->id = opened.id;
  file->path = source.directory() + listed.name;
  file->real_path = source.real_path;
  file->label_path = source.label_path;
  file->fingerprint = Fingerprint::of(opened.head);
  file->has_line = file->fingerprint.complete() || opened.head.find('\n') != std::string::npos;
  file->gzip = gzip;
  file->size = gzip ? 0 : opened.size;
  file->mtime_ns = opened.mtime_ns;
  file->rotated = listed.rotated.has_value();
  file->wanted = listed.wanted;
  file->rotated_ns = file->data_ns = now();
  file->framing.fallback_time = opened.mtime_ns;
  if (gzip) {
    file->content = std::make_unique<GzipContent>(file->descriptor);
  }
  by_id_.emplace(file->id, file.get());
  watch_name(*file);
  return file;
}

void Catalog::resume(File& file, const CheckpointRow& row) {
  file.position = file.end = row.point.offset;
  file.framing.format = row.format;
  file.framing.streams = row.point.streams;
  file.framing.fallback_time = row.fallback_time;
  file.decisions = row.decisions;
  file.real_path = row.real_path;
  file.label_path = row.label_path;
}

/// Puts new files where the listing has them among those that are open. What the listing does not
/// have any more stays where it was, before them.
void Catalog::put_in_order(Source& source, const Listing& files,
                           std::vector<std::shared_ptr<File>> made) {
  const auto place_of = [&](const File& file) {
    const auto listed = std::ranges::find(files, file.id, &ListedFile::id);
    return file.located ? listed - files.begin() : -1;
  };
  for (size_t i = 0; i < made.size(); ++i) {
    if (made[i] != nullptr) {
      const auto newer = std::ranges::find_if(source.files, [&](const auto& file) {
        return place_of(*file) > static_cast<ptrdiff_t>(i);
      });
      source.files.insert(newer, std::move(made[i]));
    }
  }
}

}  // namespace tailrace::inputs::tail
