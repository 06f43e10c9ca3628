#include "plugins/inputs/tail/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/stat.h>

#include "tailrace/check.h"

#include "plugins/inputs/tail/path_labels.h"
#include "plugins/inputs/tail/source.h"

namespace tailrace::inputs::tail {
namespace {

// What one turn of the loop may take, so that sends go on in between.
constexpr size_t kTurnBytes = 4 * kMaxBlockBytes;
constexpr int kTurnVisits = 64;
constexpr int64_t kQuantum = kMaxBlockBytes;
// How much a worker brings into the page cache at once, and how many do so at a time.
constexpr size_t kWarmUpBytes = 4 * kMaxBlockBytes;
constexpr size_t kMostWarmUps = 4;
// After so many cold reads at one place the lane waits for the disk itself: memory is so short that
// what a worker brings in is gone before we come.
constexpr uint8_t kMostColdReads = 3;
constexpr std::chrono::milliseconds kMemoryRetry{100};

}  // namespace

Reader::Reader(const TailConfig& config, InputContext& context, Stats& stats,
               FileCheckpoints& checkpoints, ReaderListener& listener, ReceiptListener& receipts)
    : config_(config),
      context_(context),
      lane_(context.lane()),
      feed_(context.feed()),
      stats_(stats),
      checkpoints_(checkpoints),
      listener_(listener),
      receipts_(receipts),
      framer_(config.max_line_size.bytes),
      block_(new char[kMaxBlockBytes + kBlockPadding]) {
  turn_timer_ = lane_.timer([this] { turn(); });
  memory_timer_ = lane_.timer([this] {
    for (auto& file : std::exchange(starved_, {})) {
      file->queued = false;
      wake(file);
    }
  });
}

void Reader::wake(const std::shared_ptr<File>& file) {
  if (stopped_ || !file->begun) {
    return;
  }
  if (file->frozen || file->waiting || file->queued) {
    return;  // it is read to its end when that is over
  }
  if (file->at_end) {
    file->at_end = false;
    file->check_head = true;
    file->woken_ns = now();
  }
  enqueue(file);
}

void Reader::enqueue(const std::shared_ptr<File>& file) {
  file->queued = true;
  queue_.push_back(file);
  schedule();
}

void Reader::schedule() {
  if (!stopped_ && !held_ && !waits_for_credit_ && !queue_.empty() && !turn_timer_->active()) {
    turn_timer_->start(std::chrono::milliseconds(0));
  }
}

void Reader::on_credit() {
  waits_for_credit_ = false;
  schedule();
}

void Reader::go_on() {
  held_ = false;
  schedule();
}

void Reader::stop() {
  stopped_ = true;
  turn_timer_->stop();
  memory_timer_->stop();
  for (auto& file : queue_) {
    file->queued = false;
  }
  queue_.clear();
  starved_.clear();
  cold_.clear();
}

void Reader::turn() {
  size_t budget = kTurnBytes;
  for (int visits = 0; visits < kTurnVisits && !queue_.empty(); ++visits) {
    const std::shared_ptr<File> file = std::move(queue_.front());
    queue_.pop_front();
    if (file->deficit <= 0) {
      file->deficit += kQuantum;
    }
    const uint64_t before = file->position;
    const Visit outcome = visit(file);
    if (outcome == Visit::no_credit) {
      queue_.push_front(file);
      waits_for_credit_ = true;
      return;
    }
    const uint64_t read = file->position - before;
    if (outcome == Visit::more) {
      file->deficit -= static_cast<int64_t>(read);
      file->deficit > 0 ? queue_.push_front(file) : queue_.push_back(file);
    } else if (outcome == Visit::starved) {
      starved_.push_back(file);
      memory_timer_->start(kMemoryRetry);
    } else {
      file->queued = false;
      file->deficit = 0;
      if (outcome == Visit::end) {
        listener_.on_end(*file);
      }
    }
    if (read >= budget) {
      break;
    }
    budget -= read;
  }
  if (idle()) {
    listener_.on_idle();
  }
  schedule();
}

Reader::Visit Reader::visit(const std::shared_ptr<File>& file) {
  while (file->decided() && file->decisions[file->next_decision].offset < file->position) {
    ++file->next_decision;
  }
  // A unit ends where a decision is to be carried out.
  const Decision* decision = file->decided() ? &file->decisions[file->next_decision] : nullptr;
  size_t want = kMaxBlockBytes;
  if (decision != nullptr) {
    want = static_cast<size_t>(std::min<uint64_t>(want, decision->offset - file->position));
  }
  const size_t carried = file->framing.carry != nullptr ? file->framing.carry->bytes() : 0;
  if (!feed_.credit_to_read_on(kMaxBlockBytes + carried)) {
    return Visit::no_credit;
  }
  return file->gzip ? read_gzip(file, decision, want) : read_plain(file, decision, want);
}

Reader::Visit Reader::read_plain(const std::shared_ptr<File>& file, const Decision* decision,
                                 size_t want) {
  if (file->gone && decision == nullptr) {
    return at_end(*file);
  }
  if (std::exchange(file->check_head, false) && !begins_as_before(*file)) {
    listener_.on_truncated(*file);
    return Visit::leave;
  }
  WarmReader::Read read;
  if (want != 0) {
    read = io_.read(*file, block_.get(), want, file->position, file->cold_reads >= kMostColdReads);
    if (read.status == WarmReader::Status::cold) {
      return cold(file);
    }
    if (read.status == WarmReader::Status::failed) {
      listener_.on_unreadable(*file, std::strerror(read.error));
      return Visit::leave;
    }
  }
  const uint64_t offset = file->position;
  const bool reached = decision != nullptr && offset + read.bytes == decision->offset;
  if (read.bytes != 0 || reached) {
    UnitBytes unit;
    unit.bytes = {block_.get(), read.bytes};
    unit.offset = offset;
    unit.full = read.bytes == kMaxBlockBytes;
    unit.ending = reached ? decision->endings : uint8_t{kNoEnding};
    unit.read_ns = lane_.clock().wall_ns();
    update_fingerprint(*file, offset, unit.bytes);
    if (!run_unit(*file, unit)) {
      return Visit::starved;
    }
  }
  const bool progress = file->position != offset || reached;
  if (progress) {
    file->cold_reads = 0;
  }
  if (read.bytes == want) {
    return Visit::more;
  }
  return after_short_read(file, offset + read.bytes, progress);
}

/// Fewer bytes came than were asked for: the file ends there, or what is in the page cache does.
Reader::Visit Reader::after_short_read(const std::shared_ptr<File>& file, uint64_t seen,
                                       bool progress) {
  struct stat info;
  if (::fstat(file->descriptor->get(), &info) != 0) {
    listener_.on_unreadable(*file, std::strerror(errno));
    return Visit::leave;
  }
  file->size = static_cast<uint64_t>(info.st_size);
  file->mtime_ns = mtime_ns(info);
  if (file->size < file->position) {
    listener_.on_truncated(*file);
    return Visit::leave;
  }
  if (file->size > seen) {
    // The same again without progress: the rest of the line has to come from the disk.
    const bool again = !progress && std::exchange(file->short_at, seen) == seen;
    return again ? cold(file) : Visit::more;
  }
  return file->position < seen && file->end < seen ? Visit::more : at_end(*file);
}

Reader::Visit Reader::at_end(File& file) {
  while (!file.gone && file.decided() && file.decisions[file.next_decision].offset > file.size) {
    ++file.next_decision;  // a power loss took the bytes that it was about
  }
  file.at_end = true;
  file.met_end_once = true;
  return Visit::end;
}

Reader::Visit Reader::read_gzip(const std::shared_ptr<File>& file, const Decision* decision,
                                size_t want) {
  GzipContent& content = *file->content;
  std::string_view bytes = content.bytes().substr(0, want);
  const bool enough = bytes.size() == want || content.at_end();
  if (!enough) {
    run_on_worker(file, [file, at = file->position] { file->content->fill(at); });
    return Visit::leave;
  }
  if (!content.problem().empty()) {
    listener_.on_unreadable(*file, content.problem());
  }
  const uint64_t offset = file->position;
  const bool reached = decision != nullptr && offset + bytes.size() == decision->offset;
  const bool last = content.at_end() && bytes.size() == content.bytes().size();
  if (!bytes.empty() || reached) {
    UnitBytes unit;
    unit.bytes = bytes;
    unit.offset = offset;
    unit.full = bytes.size() == kMaxBlockBytes;
    unit.ending = reached ? decision->endings : uint8_t{kNoEnding};
    unit.read_ns = lane_.clock().wall_ns();
    if (!run_unit(*file, unit)) {
      return Visit::starved;
    }
    content.consume(static_cast<size_t>(file->position - offset));
  }
  // The rest of a unit that has met its most records is still to be read.
  if (!last || (file->position != offset && !content.bytes().empty())) {
    return Visit::more;
  }
  file->size = std::max(file->size, offset + bytes.size());
  if (content.bytes().empty()) {
    content.release();
  }
  return at_end(*file);
}

/// False when the file begins with something else than it did: it was truncated, and has grown past
/// our position since.
bool Reader::begins_as_before(File& file) {
  if (file.gone || file.position == 0 || file.fingerprint.size == 0) {
    return true;
  }
  char head[kFingerprintBytes];
  const auto read = io_.read(file, head, file.fingerprint.size, 0, false);
  if (read.status != WarmReader::Status::ok || read.bytes < file.fingerprint.size) {
    return true;  // no proof; a file that is too short shows itself by its size
  }
  return file.fingerprint.matches({head, read.bytes});
}

void Reader::update_fingerprint(File& file, uint64_t offset, std::string_view bytes) {
  if (file.fingerprint.complete() || offset + bytes.size() <= file.fingerprint.size) {
    return;
  }
  if (offset == 0) {
    file.fingerprint = Fingerprint::of(bytes);
    return;
  }
  char head[kFingerprintBytes];
  const auto read = io_.read(file, head, sizeof head, 0, false);
  if (read.status == WarmReader::Status::ok && file.fingerprint.matches({head, read.bytes})) {
    file.fingerprint = Fingerprint::of({head, read.bytes});
  }
}

/// False when there is too little to tell.
bool Reader::choose_format(File& file, const UnitBytes& unit) {
  FramingState& framing = file.framing;
  if (framing.format == Format::unknown) {
    const auto format = config_.format != Format::unknown
                            ? config_.format
                            : Framer::detect(unit, file.source->container);
    if (!format) {
      return false;
    }
    framing.format = *format;
  }
  if (!file.labels[kStdout]) {
    const bool has_streams = framing.format != Format::raw;
    for (const Stream stream : {kStdout, kStderr}) {
      file.labels[stream] = lane_.labels().intern(
          choose_labels(file.label_path, file.real_path, has_streams, stream, config_.labels));
    }
    framing.one_stream = file.labels[kStdout].get() == file.labels[kStderr].get();
  }
  return true;
}

bool Reader::run_unit(File& file, const UnitBytes& unit) {
  if (!choose_format(file, unit)) {
    file.end = unit.offset + unit.bytes.size();
    return true;
  }
  FramingState& framing = file.framing;
  const size_t carried_before = framing.carry != nullptr ? framing.carry->bytes() : 0;
  const ReplayPoint point = framing.replay_point(unit.offset);
  feed_.begin_unit();
  const Framer::Result result = framer_.frame(framing, unit, lane_.arena());
  const size_t carried_after = framer_.carry_bytes();
  if (carried_after > carried_before &&
      !context_.memory().reserve(carried_after - carried_before)) {
    // Nothing has been handed on yet: the unit is read again when there is memory.
    stats_.memory_waits.increment();
    return false;
  }
  if (carried_after < carried_before) {
    context_.memory().release(carried_before - carried_after);
  }
  carried_bytes_ += carried_after;
  carried_bytes_ -= carried_before;

  RecordBuilder& records = framer_.records();
  const int64_t now_ns = now();
  {
    ReceiptRef receipt;
    const auto need_receipt = [&] {
      if (!receipt) {
        receipt = ReceiptRef(file.receipts.issue(file, receipts_, point, !file.unlinked));
      }
      return static_cast<TailReceipt*>(receipt.get());
    };
    if (records.column(0).size() + records.column(1).size() != 0) {
      need_receipt();
    }
    const Weight carried = framer_.commit(
        framing, now_ns, [&](ReceiptRef origin) { need_receipt()->hold(std::move(origin)); });
    file.position = unit.offset + result.consumed;
    file.end = std::max(file.position, unit.offset + result.consumed + result.unfinished);
    file.data_ns = now_ns;
    if (carried != Weight{}) {
      feed_.carry(carried);
    }
    if (records.filtered() != Weight{}) {
      feed_.filtered(records.filtered(), false);
    }
    if (receipt) {
      push(file, *need_receipt());
    }
  }
  if (unit.ending != kNoEnding && file.position == unit.offset + unit.bytes.size()) {
    stats_.partial_flushes.increment();
    ++file.next_decision;
  }
  const UnitCounts& counts = records.counts();
  stats_.lines.add(counts.lines);
  stats_.bytes.add(result.consumed);
  stats_.malformed_lines.add(counts.malformed);
  stats_.truncated_lines.add(counts.truncated);
  stats_.invalid_utf8_lines.add(counts.utf8_replaced);
  // A row comes before the first receipt is released, so that labels and the run of times that was
  // handed over are kept from the first line on.
  if (file.receipts.empty() || file.key.empty()) {
    checkpoints_.mark(file);
  }
  if (framing.carry != nullptr && !framing.carry->active()) {
    framing.carry.reset();
  }
  if (framing.carry != nullptr) {
    listener_.on_carry(file);
  }
  return true;
}

void Reader::push(File& file, TailReceipt& receipt) {
  RecordBuilder& records = framer_.records();
  for (const Stream stream : {kStdout, kStderr}) {
    Column& column = records.column(stream);
    if (column.size() == 0) {
      continue;
    }
    LogBatch batch;
    column.describe(batch);
    batch.labels = file.labels[stream].get();
    batch.receipt = &receipt;
    file.last_record_time = batch.timestamps[batch.size - 1];
    feed_.push(batch);
  }
}

void Reader::release_carry(File& file) noexcept {
  if (file.framing.carry != nullptr) {
    const size_t bytes = file.framing.carry->bytes();
    context_.memory().release(bytes);
    carried_bytes_ -= bytes;
    file.framing.carry.reset();
  }
}

void Reader::release_carried(PendingLine& line) noexcept {
  context_.memory().release(line.text.size());
  carried_bytes_ -= line.text.size();
  line = PendingLine();
}

Reader::Visit Reader::cold(const std::shared_ptr<File>& file) {
  stats_.cold_reads.increment();
  ++file->cold_reads;
  file->waiting = true;
  ++on_worker_;
  if (warming_ < kMostWarmUps) {
    start_warm_up(file);
  } else {
    cold_.push_back(file);
  }
  return Visit::leave;
}

void Reader::start_warm_up(std::shared_ptr<File> file) {
  ++warming_;
  // The descriptor lives as long as the worker needs it; the lane may be done with the file.
  lane_.offload([descriptor = file->descriptor,
                 at = file->position] { warm_up(*descriptor, at, kWarmUpBytes); },
                [this, alive = std::weak_ptr<bool>(alive_), file] {
                  if (alive.expired()) {
                    return;
                  }
                  --warming_;
                  --on_worker_;
                  file->waiting = false;
                  if (!cold_.empty()) {
                    std::shared_ptr<File> next = std::move(cold_.front());
                    cold_.pop_front();
                    start_warm_up(std::move(next));
                  }
                  if (!stopped_) {
                    enqueue(file);
                  }
                });
}

void Reader::run_on_worker(std::shared_ptr<File> file, std::function<void()> work) {
  file->waiting = true;
  ++on_worker_;
  lane_.offload(std::move(work), [this, alive = std::weak_ptr<bool>(alive_), file] {
    if (alive.expired()) {
      return;
    }
    --on_worker_;
    file->waiting = false;
    if (!stopped_) {
      enqueue(file);
    }
  });
}

}  // namespace tailrace::inputs::tail
