#include "plugins/inputs/tail/framing.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tailrace/check.h"

#include "codec/utf8.h"
#include "plugins/inputs/tail/newline_index.h"

namespace tailrace::inputs::tail {
namespace {

// Ends of a unit's lines add records of their own (a long line, two flushes).
constexpr size_t kMostLines = kMaxUnitRecords - 8;
// Time, stream and tags of a CRI line in front of its content, with room for tags to come.
constexpr size_t kMostHeader = 256;

/// NULs at the start of a line are the hole that a writer without O_APPEND leaves after a
/// truncation.
size_t leading_nuls(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of('\0');
  return first == std::string_view::npos ? text.size() : first;
}

uint64_t load8(const char* at) noexcept {
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return word;
}

/// The parts of a CRI line behind its time: ` stdout F content`.
struct CriParts {
  Stream stream = kStdout;
  bool last = true;
  size_t header = 0;  // bytes in front of the content
};

/// `text` is the line, `space` the offset of the space behind its time.
std::optional<CriParts> read_cri_parts(std::string_view text, size_t space) {
  CriParts parts;
  std::string_view rest = text.substr(space + 1);
  const auto takes = [&](std::string_view name) { return rest.substr(0, name.size()) == name; };
  if (takes("stdout ")) {
    parts.stream = kStdout;
  } else if (takes("stderr ")) {
    parts.stream = kStderr;
  } else {
    return std::nullopt;
  }
  rest.remove_prefix(7);
  // Tags are separated by ':'; only the first one says something today.
  const size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view tags = rest.substr(0, end);
  const std::string_view tag = tags.substr(0, tags.find(':'));
  if (tag != "F" && tag != "P") {
    return std::nullopt;
  }
  parts.last = tag == "F";
  parts.header = text.size() - rest.size() + std::min(end + 1, rest.size());
  return parts;
}

bool is_docker(std::string_view line) {
  codec::DockerLineParser parser;
  codec::DockerLine parts;
  Arena arena;
  return line.substr(0, 1) == "{" && parser.parse(line, parts, arena) && parts.has_time &&
         !parts.stream.empty();
}

bool is_cri(std::string_view line) {
  codec::TimestampReader times;
  int64_t ns = 0;
  const char* end = times.read(line.data(), line.data() + line.size(), ns);
  return end != nullptr && end != line.data() + line.size() &&
         read_cri_parts(line, static_cast<size_t>(end - line.data())).has_value();
}

}  // namespace

Framer::Framer(size_t max_line_size)
    : kept_of_long_line_(max_line_size + kMostHeader + kCutSlack),
      records_(max_line_size),
      newlines_(kMostLines) {}

std::optional<Format> Framer::detect(const UnitBytes& start, bool container) {
  std::string_view text = start.bytes;
  text.remove_prefix(leading_nuls(text));
  const size_t newline = text.find('\n');
  if (newline == std::string_view::npos &&
      (text.empty() || (!start.full && (start.ending & kEndLine) == 0))) {
    return std::nullopt;
  }
  const std::string_view line = text.substr(0, newline);
  if (is_cri(line)) {
    return Format::cri;
  }
  if (is_docker(line)) {
    return Format::docker;
  }
  // A container's log whose first line is torn: kubelet's runtimes write CRI.
  return container ? Format::cri : Format::raw;
}

Framer::Result Framer::frame(const FramingState& state, const UnitBytes& unit, Arena& arena) {
  TR_ASSERT(state.format != Format::unknown);
  arena_ = &arena;
  records_.begin(state, arena);
  long_ = {};
  if (state.carry != nullptr && state.carry->line.active) {
    long_.carried = state.carry->line.text;
    long_.length = state.carry->line.length;
  }
  const bool in_long_line = long_.length != 0;
  const std::string_view block = unit.bytes;
  const NewlineScan scan = find_newlines(block.data(), block.size(), newlines_.data(), kMostLines);
  const bool ends_here = scan.scanned == block.size() && (unit.ending & kEndLine) != 0;

  size_t start = 0;  // of the line under way
  size_t first = 0;  // newline that ends it
  if (in_long_line && (scan.count != 0 || ends_here)) {
    const size_t end = scan.count != 0 ? newlines_[0] : block.size();
    const uint64_t length = long_.length + end;
    const uint64_t begin = state.carry->line.begin.offset;
    start = std::min(end + 1, block.size());
    first = 1;
    long_.fate = LongWork::Fate::ended;
    const std::string_view line = join_long(block.substr(0, end));
    long_.valid = codec::valid_utf8(line);
    frame_line(state.format, line, length, {begin, unit.offset + start - begin}, unit.read_ns);
  }
  if (first < scan.count) {
    frame_lines(state.format, unit, first, scan.count, start);
    start = newlines_[scan.count - 1] + size_t{1};
  }
  records_.count_lines(scan.count);

  Result result{start, 0};
  if (scan.scanned == block.size() && start < block.size()) {
    const std::string_view rest = block.substr(start);
    if (in_long_line && long_.fate == LongWork::Fate::untouched) {
      keep_long(rest);
      result.consumed = block.size();
    } else if (ends_here) {
      flush(unit.ending);  // a torn line is not the rest of what waits
      frame_line(state.format, rest, rest.size(), {unit.offset + start, rest.size()}, unit.read_ns);
      records_.count_lines(1);
      result.consumed = block.size();
    } else if (unit.full && start == 0) {
      // Not a line of NULs: those are passed over for good, as at the start of any other line.
      const size_t nuls = leading_nuls(rest);
      if (nuls == 0) {
        long_.begins = true;
        long_.begin = records_.point_at(unit.offset);
        keep_long(rest);
        result.consumed = block.size();
      } else {
        result.consumed = nuls;
      }
    } else {
      result.unfinished = rest.size();
    }
  }
  if (result.consumed == block.size()) {
    flush(unit.ending);
  }
  records_.finish(long_.valid && (scan.ascii || codec::valid_utf8(block.substr(0, scan.scanned))));
  return result;
}

void Framer::flush(uint8_t endings) {
  if ((endings & kEndStdout) != 0) {
    records_.flush(kStdout);
  }
  if ((endings & kEndStderr) != 0) {
    records_.flush(kStderr);
  }
}

void Framer::frame_lines(Format format, const UnitBytes& unit, size_t first, size_t count,
                         size_t start) {
  switch (format) {
    case Format::cri:
      frame_cri(unit, first, count, start);
      return;
    case Format::raw:
      frame_raw(unit, first, count, start);
      return;
    case Format::docker:
    case Format::unknown:
      for (size_t i = first; i < count; ++i) {
        const size_t end = newlines_[i];
        frame_docker_line(unit.bytes.substr(start, end - start), end - start,
                          {unit.offset + start, end + 1 - start});
        start = end + 1;
      }
  }
}

// The path of every line of a container's log.
void Framer::frame_cri(const UnitBytes& unit, size_t first, size_t count, size_t start) {
  const char* const block = unit.bytes.data();
  const uint64_t stdout_f = load8(" stdout ");
  const uint64_t stderr_f = load8(" stderr ");
  const size_t most = records_.max_line_size();
  for (size_t i = first; i < count; ++i) {
    const char* const line = block + start;
    const char* const end = block + newlines_[i];
    const auto bytes = static_cast<uint32_t>(end + 1 - line);
    int64_t written = 0;
    const char* const space = times_.read(line, end, written);
    // " stdout F " is ten bytes.
    if (space != nullptr && end - space >= 10 && space[8] == 'F' && space[9] == ' ') [[likely]] {
      const uint64_t name = load8(space);
      const Stream stream = name == stderr_f ? kStderr : kStdout;
      const auto length = static_cast<size_t>(end - space - 10);
      if ((name == stdout_f || name == stderr_f) && records_.plain(stream) && length <= most)
          [[likely]] {
        records_.add_plain(stream, written, {space + 10, length}, bytes);
        start += bytes;
        continue;
      }
    }
    frame_cri_line({line, static_cast<size_t>(end - line)}, static_cast<uint64_t>(end - line),
                   {unit.offset + start, bytes});
    start += bytes;
  }
}

void Framer::frame_raw(const UnitBytes& unit, size_t first, size_t count, size_t start) {
  const char* const block = unit.bytes.data();
  const size_t most = records_.max_line_size();
  for (size_t i = first; i < count; ++i) {
    const size_t end = newlines_[i];
    const size_t length = end - start;
    const auto bytes = static_cast<uint32_t>(length + 1);
    if (block[start] != '\0' && length <= most) [[likely]] {
      records_.add_plain(kStdout, unit.read_ns, {block + start, length}, bytes);
    } else {
      frame_raw_line({block + start, length}, length, {unit.offset + start, bytes}, unit.read_ns);
    }
    start = end + 1;
  }
}

void Framer::frame_line(Format format, std::string_view text, uint64_t length,
                        RecordBuilder::Place place, int64_t read_ns) {
  switch (format) {
    case Format::cri:
      frame_cri_line(text, length, place);
      return;
    case Format::docker:
      frame_docker_line(text, length, place);
      return;
    case Format::raw:
    case Format::unknown:
      frame_raw_line(text, length, place, read_ns);
  }
}

void Framer::frame_cri_line(std::string_view text, uint64_t length, RecordBuilder::Place place) {
  if (const size_t nuls = leading_nuls(text); nuls != 0) {
    text.remove_prefix(nuls);
    length -= nuls;
    place.offset += nuls;
  }
  int64_t written = 0;
  const char* const space = times_.read(text.data(), text.data() + text.size(), written);
  const auto at = static_cast<size_t>(space - text.data());
  if (space != nullptr && at < text.size()) {
    if (const auto parts = read_cri_parts(text, at)) {
      records_.add_piece(parts->stream, written, text.substr(parts->header), length - parts->header,
                         parts->last, place);
      return;
    }
  }
  records_.add_malformed(text, length, place);
}

void Framer::frame_docker_line(std::string_view text, uint64_t length, RecordBuilder::Place place) {
  if (const size_t nuls = leading_nuls(text); nuls != 0) {
    text.remove_prefix(nuls);
    length -= nuls;
    place.offset += nuls;
  }
  codec::DockerLine line;
  // A beginning is not an object: the line was longer than any that docker writes.
  if (length != text.size() || !docker_.parse(text, line, *arena_) || !line.has_time) {
    records_.add_malformed(text, length, place);
    return;
  }
  const Stream stream = line.stream == "stderr" ? kStderr : kStdout;
  records_.add_piece(stream, line.timestamp_ns, line.log, line.log.size(), !line.partial, place);
}

void Framer::frame_raw_line(std::string_view text, uint64_t length, RecordBuilder::Place place,
                            int64_t read_ns) {
  const size_t nuls = leading_nuls(text);
  text.remove_prefix(nuls);
  records_.add_piece(kStdout, read_ns, text, length - nuls, true, place);
}

std::string_view Framer::join_long(std::string_view more) {
  const std::string_view head = long_.carried;
  more = more.substr(0, kept_of_long_line_ - std::min(head.size(), kept_of_long_line_));
  char* const text = arena_->array<char>(head.size() + more.size());
  if (!head.empty()) {
    std::memcpy(text, head.data(), head.size());
  }
  if (!more.empty()) {
    std::memcpy(text + head.size(), more.data(), more.size());
  }
  return {text, head.size() + more.size()};
}

void Framer::keep_long(std::string_view more) {
  long_.fate = LongWork::Fate::extended;
  long_.length += more.size();
  long_.added =
      more.substr(0, kept_of_long_line_ - std::min(long_.carried.size(), kept_of_long_line_));
}

void Framer::commit_long_line(FramingState& state) {
  if (long_.fate == LongWork::Fate::untouched) {
    return;
  }
  if (state.carry == nullptr) {
    state.carry = std::make_unique<Carry>();
  }
  LongLine& line = state.carry->line;
  if (long_.fate == LongWork::Fate::ended) {
    line = LongLine();
  }
  if (long_.begins) {
    line.active = true;
    line.begin = long_.begin;
  }
  if (long_.fate == LongWork::Fate::extended) {
    line.text.append(long_.added);
    line.length = long_.length;
  }
}

}  // namespace tailrace::inputs::tail
