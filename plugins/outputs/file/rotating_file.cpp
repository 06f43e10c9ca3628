#include "plugins/outputs/file/rotating_file.h"

#include <cerrno>
#include <cstdio>

#include <unistd.h>

#include "codec/hash.h"

namespace tailrace::outputs::file {

namespace {

std::string rotated(const std::string& path, uint32_t number) {
  return path + "." + std::to_string(number);
}

}  // namespace

Result<size_t> RotatingFile::write(std::string_view payload, size_t /*from*/) {
  const uint64_t hash = codec::stable_hash(payload);
  if (Status locked = file_.lock(options_.path); !locked) {
    return tl::unexpected<Error>(locked.error());
  }
  const Status written = write_locked(payload, hash);
  file_.unlock();
  if (!written) {
    return tl::unexpected<Error>(written.error());
  }
  return payload.size();
}

Status RotatingFile::write_locked(std::string_view payload, uint64_t payload_hash) {
  if (resume_hash_ != payload_hash || resume_at_ > payload.size()) {
    resume_hash_ = payload_hash;
    resume_at_ = 0;
  }
  std::string_view rest = payload.substr(resume_at_);
  while (!rest.empty()) {
    const auto torn = file_.cut_torn_tail();
    if (!torn) {
      return tl::unexpected<Error>(torn.error());
    }
    torn_tails_ += *torn > 0 ? 1 : 0;
    const size_t fits = fitting(rest);
    if (fits == 0) {
      if (Status done = rotate(); !done) {
        return done;
      }
      continue;
    }
    if (Status done = append(rest.substr(0, fits)); !done) {
      return done;
    }
    rest.remove_prefix(fits);
    resume_at_ = payload.size() - rest.size();
  }
  resume_hash_ = 0;
  resume_at_ = 0;
  return {};
}

/// How much of `rest` goes into the file as it is: whole lines, at least one into an empty file.
size_t RotatingFile::fitting(std::string_view rest) const noexcept {
  const uint64_t room = options_.max_size > file_.size() ? options_.max_size - file_.size() : 0;
  if (rest.size() <= room) {
    return rest.size();
  }
  const size_t last = rest.substr(0, room).rfind('\n');
  if (last != rest.npos) {
    return last + 1;
  }
  if (file_.size() > 0) {
    return 0;
  }
  const size_t first = rest.find('\n');
  return first == rest.npos ? rest.size() : first + 1;
}

Status RotatingFile::append(std::string_view text) {
  const uint64_t before = file_.size();
  if (Status done = file_.append(text); !done) {
    return done;
  }
  if (options_.sync) {
    if (Status done = file_.sync(); !done) {
      // What could not be synced may look written and be gone later. It is taken out again, so that
      // the next try writes (and syncs) it anew.
      [[maybe_unused]] const Status cut = file_.truncate(before);
      return done;
    }
  }
  return {};
}

Status RotatingFile::rotate() {
  // Move the others up only as far as there is a gap: a crash in the middle of a rotation leaves
  // one, and nothing must be thrown out for it.
  uint32_t last = 1;
  while (last < options_.max_files && access(rotated(options_.path, last).c_str(), F_OK) == 0) {
    ++last;
  }
  for (uint32_t i = last; i > 0; --i) {
    const std::string from = i == 1 ? options_.path : rotated(options_.path, i - 1);
    if (std::rename(from.c_str(), rotated(options_.path, i).c_str()) != 0) {
      return file_failure("rotate", from, errno);
    }
  }
  if (options_.sync) {
    if (Status done = sync_folder(folder_of(options_.path)); !done) {
      return done;
    }
  }
  ++rotations_;
  file_.close();
  return file_.lock(options_.path);
}

}  // namespace tailrace::outputs::file
