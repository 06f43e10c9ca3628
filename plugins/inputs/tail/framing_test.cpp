#include "plugins/inputs/tail/framing.h"

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/inputs/tail/newline_index.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;
using Texts = std::vector<std::string>;

namespace {

struct Line {
  Stream stream;
  int64_t time;
  std::string text;
  uint32_t records;
  uint32_t bytes;
  std::string truncated;
  friend bool operator==(const Line&, const Line&) = default;
};

/// Frames text as a file, in units of a given size.
struct Bench {
  explicit Bench(Format format = Format::cri, size_t max_line_size = 1024) : framer(max_line_size) {
    state.format = format;
    state.fallback_time = 5000;
  }

  /// The next unit: `bytes` from the position on.
  Framer::Result unit(std::string_view bytes, bool full = false, uint8_t ending = kNoEnding) {
    // Exactly the promised padding, so that a sanitizer sees who reads further.
    std::vector<char> block(bytes.size() + kBlockPadding, 'x');
    std::memcpy(block.data(), bytes.data(), bytes.size());
    arena.reset();
    UnitBytes unit{{block.data(), bytes.size()}, offset, full, ending, read_ns};
    const Framer::Result result = framer.frame(state, unit, arena);
    for (const Stream stream : {kStdout, kStderr}) {
      LogBatch batch;
      framer.records().column(stream).describe(batch);
      for (uint32_t i = 0; i < batch.size; ++i) {
        std::string truncated;
        if (batch.metadata != nullptr && batch.metadata[i].count == 1) {
          CHECK(batch.metadata[i].pairs[0].name == "tailrace_truncated");
          truncated = batch.metadata[i].pairs[0].value;
        }
        lines.push_back({stream, batch.timestamps[i], std::string(batch.bodies[i]),
                         batch.source_records != nullptr ? batch.source_records[i] : 1,
                         batch.source_bytes[i], truncated});
      }
      from_carry += batch.from_carry;
    }
    filtered += framer.records().filtered();
    counts.malformed += framer.records().counts().malformed;
    counts.truncated += framer.records().counts().truncated;
    counts.utf8_replaced += framer.records().counts().utf8_replaced;
    carried += framer.commit(state, now_ns, [](ReceiptRef) {});
    offset += result.consumed;
    return result;
  }

  /// Everything, in units of at most `block` bytes, as the reader does it.
  void run(std::string_view text, size_t block) {
    while (offset < text.size()) {
      const auto bytes = text.substr(offset, block);
      const auto result = unit(bytes, bytes.size() == block);
      if (result.consumed == 0) {
        return;
      }
    }
  }
  Texts texts() const {
    Texts out;
    for (const Line& line : lines) {
      out.push_back(line.text);
    }
    return out;
  }

  Framer framer;
  Arena arena;
  FramingState state;
  uint64_t offset = 0;
  int64_t read_ns = 7000;
  int64_t now_ns = 0;
  std::vector<Line> lines;
  Weight carried;
  Weight from_carry;
  Weight filtered;
  UnitCounts counts;
};

constexpr int64_t kStart = 1'767'323'045'000'000'000;  // 2026-01-02T03:04:05Z

std::string cri_line(const std::string& text, const std::string& tag = "F",
                     const std::string& stream = "stdout", const std::string& fraction = ".5") {
  return "2026-01-02T03:04:05" + fraction + "Z " + stream + " " + tag + " " + text + "\n";
}

uint32_t size(const std::string& text) {
  return static_cast<uint32_t>(text.size());
}

}  // namespace

TEST_CASE("framing: CRI lines get their time, stream and text") {
  Bench bench;
  const std::string text =
      cri_line("one") + cri_line("", "F", "stderr", ".123456789") + cri_line(" two  parts ");
  const auto result = bench.unit(text);
  CHECK(result.consumed == text.size());
  CHECK(result.unfinished == 0);
  REQUIRE(bench.lines.size() == 3);
  CHECK(bench.lines[0] == Line{kStdout, kStart + 500'000'000, "one", 1, size(cri_line("one")), ""});
  CHECK(bench.lines[1].text == " two  parts ");
  CHECK(bench.lines[2] == Line{kStderr, kStart + 123'456'789, "", 1,
                               size(cri_line("", "F", "stderr", ".123456789")), ""});
}

TEST_CASE("framing: more tags are fine, unknown ones and streams make a malformed line") {
  Bench bench;
  const std::string odd = "2026-01-02T03:04:05.5Z stdout X odd";
  const std::string stdin_line = "2026-01-02T03:04:05.5Z stdin F odd";
  bench.unit(cri_line("tagged", "F:one:two") + odd + "\n" + stdin_line + "\nnothing like it\n");
  CHECK(bench.texts() == Texts{"tagged", odd, stdin_line, "nothing like it"});
  CHECK(bench.counts.malformed == 3);
  // They come behind the line before them.
  CHECK(bench.lines[1].time == bench.lines[0].time + 1);
  CHECK(bench.lines[3].time == bench.lines[0].time + 3);
}

TEST_CASE("framing: a malformed line without any before it gets the file's own time") {
  Bench bench;
  bench.unit("garbage\n" + cri_line("good"));
  CHECK(bench.lines[0].time == 5000);
  CHECK(bench.lines[1].time == kStart + 500'000'000);
}

TEST_CASE("framing: equal times rise by position, in each stream for itself") {
  Bench bench;
  bench.unit(cri_line("a") + cri_line("b") + cri_line("c", "F", "stderr") + cri_line("d"));
  bench.unit(cri_line("e"));  // the run goes on over units
  const int64_t t = kStart + 500'000'000;
  CHECK(bench.lines[0].time == t);
  CHECK(bench.lines[1].time == t + 1);
  CHECK(bench.lines[2].time == t + 2);
  CHECK(bench.lines[3] == Line{kStderr, t, "c", 1, size(cri_line("c", "F", "stderr")), ""});
  CHECK(bench.lines[4].time == t + 3);
}

TEST_CASE("framing: a later time that the run has reached stays behind it, a former one does not") {
  StreamPoint point;
  CHECK(point.stamp(100) == 100);
  CHECK(point.stamp(100) == 101);
  CHECK(point.stamp(100) == 102);
  CHECK(point.stamp(102) == 103);
  CHECK(point.stamp(104) == 104);
  CHECK(point.stamp(90) == 90);
  CHECK(point.stamp(104) == 104);
  CHECK(point.stamp(INT64_MAX) == INT64_MAX);
  CHECK(point.stamp(INT64_MIN + 1) == INT64_MIN + 1);
}

TEST_CASE("framing: pieces are joined, in each stream for itself, with the first one's time") {
  Bench bench;
  bench.unit(cri_line("a1 ", "P") + cri_line("b1 ", "P", "stderr") +
             cri_line("a2 ", "P", "stdout", ".6") + cri_line("whole").substr(0, 0) +
             cri_line("b2", "F", "stderr") + cri_line("a3", "F"));
  REQUIRE(bench.lines.size() == 2);
  CHECK(bench.lines[0].text == "a1 a2 a3");
  CHECK(bench.lines[0].time == kStart + 500'000'000);
  CHECK(bench.lines[0].records == 3);
  CHECK(bench.lines[1].text == "b1 b2");
  CHECK(bench.carried == Weight{});
}

TEST_CASE("framing: what a unit leaves pending is carried, and the replay point stays before it") {
  Bench bench;
  const std::string first = cri_line("one") + cri_line("a1 ", "P");
  bench.unit(first);
  CHECK(bench.carried == Weight{1, cri_line("a1 ", "P").size()});
  CHECK(bench.state.replay_point(bench.offset).offset == cri_line("one").size());
  const std::string second = cri_line("other", "F", "stderr") + cri_line("a2", "F");
  bench.unit(second);
  CHECK(bench.texts() == Texts{"one", "a1 a2", "other"});
  CHECK(bench.from_carry == bench.carried);
  CHECK(bench.state.replay_point(bench.offset).offset == first.size() + second.size());
}

TEST_CASE("framing: a replay between two overlapping lines gives the later one only") {
  Bench bench;
  const std::string text =
      cri_line("a1 ", "P") + cri_line("b1 ", "P", "stderr") + cri_line("a2", "F");
  bench.unit(text);
  CHECK(bench.texts() == Texts{"a1 a2"});
  // The first line is safe, the second one is not.
  const ReplayPoint point = bench.state.replay_point(bench.offset);
  CHECK(point.offset == cri_line("a1 ", "P").size());
  CHECK(point.streams[kStdout].line == LineState::skip);

  Bench again;
  again.offset = point.offset;
  again.state.streams = point.streams;
  again.unit(text.substr(point.offset) + cri_line("b2", "F", "stderr") + cri_line("next"));
  CHECK(again.texts() == Texts{"next", "b1 b2"});
  CHECK(again.filtered == Weight{1, cri_line("a2", "F").size()});
  CHECK(again.lines[0].time == kStart + 500'000'001);  // the run counts the line that was skipped
}

TEST_CASE("framing: an unfinished line is left for the next unit") {
  Bench bench;
  const std::string text = cri_line("one") + "2026-01-02T03:04:05.5Z stdo";
  const auto result = bench.unit(text);
  CHECK(result.consumed == cri_line("one").size());
  CHECK(result.unfinished == text.size() - result.consumed);
}

TEST_CASE("framing: decided ends close what is open") {
  Bench bench;
  bench.unit(cri_line("a1", "P") + "2026-01-02T03:04:05.5Z stdout F torn", false, kEndAll);
  CHECK(bench.texts() == Texts{"a1", "torn"});
  bench.unit("", false, kEndAll);
  CHECK(bench.lines.size() == 2);
  bench.unit(cri_line("b1", "P", "stderr"));
  bench.unit("", false, kEndStdout);
  CHECK(bench.lines.size() == 2);
  bench.unit("", false, kEndStderr);
  CHECK(bench.texts().back() == "b1");
}

TEST_CASE("framing: a line over the limit is cut at a character and marked with its length") {
  Bench bench(Format::cri, 10);
  bench.unit(cri_line("0123456789") + cri_line("0123456789x") +
             cri_line("012345678\xc3\xbc and more"));
  CHECK(bench.texts() == Texts{"0123456789", "0123456789", "012345678"});
  CHECK(bench.lines[0].truncated.empty());
  CHECK(bench.lines[1].truncated == "11");
  CHECK(bench.lines[2].truncated == "20");
  CHECK(bench.counts.truncated == 2);
}

TEST_CASE("framing: joined lines are cut alike, wherever units end") {
  const std::string text =
      cri_line("0123", "P") + cri_line("456789abc", "P") + cri_line("def", "F") + cri_line("next");
  for (size_t cut = 1; cut < text.size(); ++cut) {
    Bench bench(Format::cri, 10);
    bench.run(text.substr(0, cut), 4096);
    const uint64_t at = bench.offset;
    bench.unit(text.substr(at));
    REQUIRE(bench.texts() == Texts{"0123456789", "next"});
    REQUIRE(bench.lines[0].truncated == "16");
    REQUIRE(bench.lines[0].records == 3);
    REQUIRE(bench.carried == bench.from_carry);
  }
}

TEST_CASE("framing: a line that never ends is sent in the end, and its rest passed over") {
  Bench bench(Format::cri, 100);
  const std::string piece = cri_line(std::string(1'000'000, 'x'), "P");
  for (uint64_t length = 0; length < kLongestJoinedLine; length += 1'000'000) {
    bench.unit(piece);
  }
  REQUIRE(bench.lines.size() == 1);
  CHECK(bench.lines[0].text == std::string(100, 'x'));
  bench.unit(piece);
  bench.unit(cri_line("end", "F") + cri_line("next"));
  CHECK(bench.texts().back() == "next");
  CHECK(bench.filtered.records == 2);
}

TEST_CASE("framing: lines longer than a block are carried, and cut at the limit") {
  for (const Format format : {Format::raw, Format::cri}) {
    const std::string head =
        format == Format::cri ? cri_line("").substr(0, cri_line("").size() - 1) : "";
    const std::string text = head + std::string(1000, 'a') + "\n" +
                             (format == Format::cri ? cri_line("next") : "next\n");
    for (const size_t block : {64U, 100U, 700U, 5000U}) {
      Bench bench(format, 600);
      bench.run(text, block);
      REQUIRE(bench.offset == text.size());
      REQUIRE(bench.texts() == Texts{std::string(600, 'a'), "next"});
      REQUIRE(bench.lines[0].truncated == "1000");
      REQUIRE(bench.lines[0].bytes == head.size() + 1001);
    }
  }
}

TEST_CASE("framing: a long line holds the replay point, and ends at a decision") {
  Bench bench(Format::raw, 600);
  bench.unit("first\n");
  bench.unit(std::string(100, 'a'), true);
  CHECK(bench.state.replay_point(bench.offset).offset == 6);
  bench.unit("", false, kEndLine);
  CHECK(bench.texts() == Texts{"first", std::string(100, 'a')});
  CHECK(bench.state.replay_point(bench.offset).offset == 106);
}

TEST_CASE("framing: leading NULs are a hole, others pass") {
  Bench bench(Format::raw);
  const std::string text = std::string(5, '\0') + "after\n" + std::string("in\0side\n", 8);
  bench.unit(text);
  CHECK(bench.texts() == Texts{"after", std::string("in\0side", 7)});
  Bench hole(Format::raw);
  hole.run(std::string(500, '\0') + "after\n", 64);
  CHECK(hole.texts() == Texts{"after"});
  CHECK(hole.lines[0].truncated.empty());
}

TEST_CASE("framing: bytes that are not UTF-8 are replaced, and only they") {
  Bench bench;
  bench.unit(cri_line("bad \xff\xfe end") + cri_line("good \xc3\xbc"));
  CHECK(bench.texts() == Texts{"bad \xef\xbf\xbd\xef\xbf\xbd end", "good \xc3\xbc"});
  CHECK(bench.counts.utf8_replaced == 1);
}

TEST_CASE("framing: a character that pieces have split is whole again") {
  Bench bench;
  bench.unit(cri_line("a\xc3", "P"));
  bench.unit(
      cri_line("\xbc"
               "b",
               "F"));
  CHECK(bench.texts() == Texts{"a\xc3\xbc"
                               "b"});
  CHECK(bench.counts.utf8_replaced == 0);
}

TEST_CASE("framing: replacements do not make a line longer than the limit") {
  Bench bench(Format::raw, 10);
  bench.unit("\xff\xff\xff\xff\xff\xff\n");
  CHECK(bench.texts() == Texts{"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"});
  CHECK(bench.lines[0].truncated == "6");
}

TEST_CASE("framing: docker's JSON lines are unwrapped and joined") {
  Bench bench(Format::docker);
  bench.unit(R"({"log":"one\n","stream":"stdout","time":"2026-01-02T03:04:05.5Z"})"
             "\n"
             R"({"log":"t\u0077o ","stream":"stderr","time":"2026-01-02T03:04:05.6Z"})"
             "\n"
             R"({"log":"parts\n","stream":"stderr","time":"2026-01-02T03:04:05.7Z"})"
             "\n"
             "{broken\n");
  CHECK(bench.texts() == Texts{"one", "{broken", "two parts"});
  CHECK(bench.lines[2].time == kStart + 600'000'000);
  CHECK(bench.counts.malformed == 1);
}

TEST_CASE("framing: raw lines get the time of reading") {
  Bench bench(Format::raw);
  bench.unit("a\n\nb\r\n");
  CHECK(bench.texts() == Texts{"a", "", "b\r"});
  CHECK(bench.lines[0].time == 7000);
  CHECK(bench.lines[2].time == 7002);
}

TEST_CASE("framing: a unit stops at its most records and goes on there") {
  Bench bench(Format::raw);
  const std::string text(kMaxUnitRecords * 2 + 100, '\n');
  bench.run(text, kMaxBlockBytes);
  CHECK(bench.lines.size() == text.size());
  CHECK(bench.offset == text.size());
}

TEST_CASE("framing: streams with the same labels keep the order of the file") {
  Bench bench;
  bench.state.one_stream = true;
  bench.unit(cri_line("a") + cri_line("b", "F", "stderr") + cri_line("c"));
  CHECK(bench.texts() == Texts{"a", "b", "c"});
  CHECK(bench.lines[2].time == kStart + 500'000'002);
}

TEST_CASE("framing: the format is told from the first line") {
  const auto detect = [](std::string text, bool container = false, bool full = false) {
    const size_t size = text.size();
    text.append(kBlockPadding, ' ');
    return Framer::detect({{text.data(), size}, 0, full, kNoEnding, 0}, container);
  };
  CHECK(detect(cri_line("x")) == Format::cri);
  CHECK(detect(R"({"log":"x\n","stream":"stdout","time":"2026-01-02T03:04:05Z"})"
               "\n") == Format::docker);
  CHECK(detect("{\"log\":\"a field of somebody's\"}\n") == Format::raw);
  CHECK(detect("plain\n") == Format::raw);
  CHECK(detect("torn\n", true) == Format::cri);
  CHECK(detect("no newline yet") == std::nullopt);
  CHECK(detect("no newline yet", false, true) == Format::raw);
  CHECK(detect("") == std::nullopt);
  CHECK(detect(std::string(10, '\0')) == std::nullopt);
  CHECK(detect(std::string(10, '\0') + cri_line("x")) == Format::cri);
}

// The property behind P2: records do not depend on how the bytes were cut into units, nor on where
// a replay began.
TEST_CASE("framing: any cuts and any replays give the same records") {
  std::mt19937 random(7);
  const auto number = [&](size_t below) { return random() % below; };
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (size_t lines = 1 + number(30); lines > 0; --lines) {
      std::string body;
      for (size_t i = number(5) == 0 ? number(300) : number(20); i > 0; --i) {
        body += number(40) == 0   ? '\xff'
                : number(30) == 0 ? '\0'
                                  : static_cast<char>('a' + number(26));
      }
      text += number(15) == 0
                  ? body + "\n"
                  : cri_line(body, number(3) == 0 ? "P" : "F", number(2) ? "stdout" : "stderr",
                             "." + std::to_string(number(3)));
    }
    const auto by_stream = [](const Bench& bench) {
      std::map<Stream, std::vector<Line>> out;
      for (const Line& line : bench.lines) {
        out[line.stream].push_back(line);
      }
      return out;
    };
    Bench whole(Format::cri, 120);
    whole.unit(text, false, kEndAll);
    const auto expected = by_stream(whole);

    Bench pieces(Format::cri, 120);
    std::vector<std::pair<ReplayPoint, size_t>> points;  // and the records before it
    while (pieces.offset < text.size()) {
      const size_t block = 70 + number(300);
      const auto bytes = std::string_view(text).substr(pieces.offset, block);
      pieces.unit(bytes, bytes.size() == block);
      points.emplace_back(pieces.state.replay_point(pieces.offset), pieces.lines.size());
      if (bytes.size() < block) {
        break;
      }
    }
    pieces.unit(std::string_view(text).substr(pieces.offset), false, kEndAll);
    REQUIRE(by_stream(pieces) == expected);
    REQUIRE(pieces.carried == pieces.from_carry);

    // From any point on: a suffix of each stream's records, at least what came after the point.
    const auto& [point, before] = points[number(points.size())];
    Bench replay(Format::cri, 120);
    replay.offset = point.offset;
    replay.state.streams = point.streams;
    replay.unit(std::string_view(text).substr(point.offset), false, kEndAll);
    Bench rest(Format::cri, 120);
    rest.lines.assign(pieces.lines.begin() + static_cast<ptrdiff_t>(before), pieces.lines.end());
    const auto needed = by_stream(rest);
    auto replayed = by_stream(replay);
    for (const auto& [stream, lines] : expected) {
      const auto& got = replayed[stream];
      const size_t least = needed.contains(stream) ? needed.at(stream).size() : 0;
      REQUIRE(got.size() >= least);
      REQUIRE(got.size() <= lines.size());
      REQUIRE(std::equal(got.begin(), got.end(), lines.end() - static_cast<ptrdiff_t>(got.size())));
    }
  }
}

TEST_CASE("newline index: all machines find the same") {
  std::mt19937 random(3);
  std::vector<uint32_t> found(5000);
  std::vector<uint32_t> expected(5000);
  for (int round = 0; round < 2000; ++round) {
    const size_t size = random() % 400;
    std::vector<char> block(size + kBlockPadding, '\n');
    for (size_t i = 0; i < size; ++i) {
      block[i] = random() % 8 == 0 ? '\n' : static_cast<char>(random() % (round % 2 ? 128 : 129));
    }
    const size_t most = round % 3 == 0 ? 1 + random() % 20 : found.size();
    const auto a = find_newlines(block.data(), size, found.data(), most);
    const auto b =
        inputs::tail::detail::find_newlines_portably(block.data(), size, expected.data(), most);
    REQUIRE(a.count == b.count);
    REQUIRE(a.scanned == b.scanned);
    REQUIRE(std::equal(found.begin(), found.begin() + static_cast<ptrdiff_t>(a.count),
                       expected.begin()));
    if (a.ascii) {
      REQUIRE(b.ascii);  // the vector code may see a little more than asked for
    }
    if (a.scanned == size) {
      REQUIRE(a.ascii == b.ascii);
    }
  }
}
