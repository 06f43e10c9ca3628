#include "delivery/spool_log.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "tailrace/log.h"

#include "delivery/spool_format.h"

namespace tailrace::delivery {

SpoolLog::SpoolLog(loop::FileLayer& files, std::string directory, uint64_t segment_bytes)
    : files_(files), directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

SpoolLog::~SpoolLog() = default;

std::string SpoolLog::path_of(uint64_t number, uint32_t salt) const {
  return directory_ + "/" + SegmentName{number, salt}.text();
}

void SpoolLog::set_size(uint64_t segment, uint64_t size) {
  uint64_t& current = segments_.at(segment).size;
  disk_bytes_ += size - current;
  current = size;
}

void SpoolLog::begin_group() {
  group_error_.reset();
  take_out_garbage();
}

void SpoolLog::put(SpoolRecord& record) {
  record.serial = next_serial_++;
  record.status = append(record);
}

Status SpoolLog::append(SpoolRecord& record) {
  if (!group_error_ && active_ != nullptr) {
    const uint64_t size = segments_.at(active_->number).size;
    const uint64_t end = size + record_size(record.envelope, record.payload.size());
    if (active_->full || (end > segment_bytes_ && size > kSegmentHeaderSize)) {
      commit();  // what this segment holds of the group; may fail and set group_error_
      active_.reset();
    }
  }
  if (!group_error_ && active_ == nullptr) {
    if (Status started = start_segment(); !started) {
      group_error_ = started.error();
    }
  }
  if (!group_error_) {
    if (Status written = write_record(record); !written) {
      group_error_ = written.error();
    }
  }
  if (group_error_) {
    return tl::unexpected<Error>(*group_error_);
  }
  unsynced_.push_back(&record);
  return {};
}

Status SpoolLog::start_segment() {
  const uint64_t number = next_segment_++;
  const uint32_t salt = std::random_device()();
  const std::string path = path_of(number, salt);
  auto file = files_.open(path, loop::FileLayer::Open::create_new);
  if (!file) {
    return tl::unexpected<Error>(file.error());
  }
  const std::string header = encode_state_header(
      kSegmentMagic, {kSegmentVersion, number, salt, std::string(running_build())});
  if (Status written = (*file)->write_at(0, header); !written) {
    file->reset();
    static_cast<void>(files_.remove(path));  // if it stays, the next start clears it away
    return written;
  }
  segments_[number] = {salt, 0};
  set_size(number, header.size());
  active_ = std::make_unique<Active>();
  active_->number = number;
  active_->file = std::move(*file);
  return {};
}

Status SpoolLog::write_record(SpoolRecord& record) {
  const Segment& segment = segments_.at(active_->number);
  const std::string head =
      encode_record_head(segment.salt, record.serial, record.envelope, record.payload.view());
  const uint64_t at = segment.size;
  Status written = active_->file->write_at(at, head);
  if (written) {
    written = active_->file->write_at(at + head.size(), record.payload.view());
  }
  if (!written) {
    // A torn record must not stand between good ones, and on a full disk its bytes are needed.
    active_->full = !active_->file->truncate(at);
    return written;
  }
  record.ref = {active_->number, at, static_cast<uint32_t>(record.payload.size())};
  set_size(active_->number, at + head.size() + record.payload.size());
  return {};
}

Status SpoolLog::sync_active() {
  if (Status synced = active_->file->sync(); !synced) {
    return synced;
  }
  if (active_->synced_size == 0) {
    // Also makes all earlier removals durable: a number that is used again cannot meet its past.
    if (Status synced = files_.sync_directory(directory_); !synced) {
      return synced;
    }
  }
  active_->synced_size = segments_.at(active_->number).size;
  return {};
}

/// Gives the active segment up after a failed sync. Its durable records stay; the others are copies
/// of what is written elsewhere, and are cut off if the disk still can.
void SpoolLog::abandon_active() {
  const std::unique_ptr<Active> gone = std::move(active_);
  if (gone->synced_size == 0) {
    remove(gone->number);
  } else if (gone->file->truncate(gone->synced_size)) {
    set_size(gone->number, gone->synced_size);
  }
}

void SpoolLog::commit() {
  for (int attempt = 1; !unsynced_.empty(); ++attempt) {
    const Status synced = sync_active();
    if (synced) {
      unsynced_.clear();
      return;
    }
    ++sync_failures_;
    abandon_active();
    for (SpoolRecord* record : std::exchange(unsynced_, {})) {
      // They came from one segment, so they fit into one: append() never commits here.
      if (attempt == 1) {
        record->status = append(*record);
      } else {
        group_error_ = synced.error();
        record->status = synced;
      }
    }
  }
}

Result<Bytes> SpoolLog::read(const SpoolRef& ref) {
  const auto segment = segments_.find(ref.segment);
  if (segment == segments_.end()) {
    return fail(ErrorCode::not_found, fmt::format("segment {} is not there", ref.segment));
  }
  loop::StateFile* file = nullptr;
  if (is_active(ref.segment)) {
    file = active_->file.get();
  } else {
    if (reading_ != ref.segment || reading_file_ == nullptr) {
      auto opened =
          files_.open(path_of(ref.segment, segment->second.salt), loop::FileLayer::Open::read);
      if (!opened) {
        return tl::unexpected<Error>(opened.error());
      }
      reading_ = ref.segment;
      reading_file_ = std::move(*opened);
    }
    file = reading_file_.get();
  }
  auto header_bytes = file->read_at(ref.offset, kRecordHeaderSize);
  if (!header_bytes) {
    return tl::unexpected<Error>(header_bytes.error());
  }
  const auto header = decode_record_header(*header_bytes, segment->second.salt);
  if (header && header->payload_size == ref.payload_size) {
    auto payload = file->read_at(ref.offset + header->payload_offset(), ref.payload_size);
    if (!payload) {
      return tl::unexpected<Error>(payload.error());
    }
    if (payload->size() == ref.payload_size && state_checksum(*payload) == header->payload_crc) {
      return Bytes::copy_of(*payload);
    }
  }
  ++bad_records_;
  return fail(ErrorCode::corrupt, fmt::format("the record at {} of {} does not verify", ref.offset,
                                              path_of(ref.segment, segment->second.salt)));
}

void SpoolLog::remove(uint64_t segment) {
  if (is_active(segment)) {
    active_.reset();
  }
  if (reading_ == segment) {
    reading_file_.reset();
  }
  garbage_.push_back(segment);
  take_out_garbage();
}

void SpoolLog::take_out_garbage() {
  std::erase_if(garbage_, [this](uint64_t number) {
    const auto found = segments_.find(number);
    if (found == segments_.end()) {
      return true;
    }
    const Status removed = files_.remove(path_of(number, found->second.salt));
    if (!removed && removed.error().code != ErrorCode::not_found) {
      log_line(LogLevel::warn, "spool", "not_removed",
               removed.error().message + "; nothing waits in it, and its removal is tried again");
      return false;
    }
    disk_bytes_ -= found->second.size;
    segments_.erase(found);
    return true;
  });
}

}  // namespace tailrace::delivery
