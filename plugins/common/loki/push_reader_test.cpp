#include "plugins/common/loki/push_reader.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/block.h"

#include "codec/padded_bytes.h"
#include "codec/proto_writer.h"
#include "plugins/common/loki/entry_writer.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using loki::PushChunk;
using loki::PushFormat;
using loki::PushReader;
using namespace std::string_literals;

namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

/// Everything in a body as text: `{a=1}` and then ` <timestamp>:<line>(<name>=<value>)…` each; or
/// the complaint.
std::string read_all(PushReader& reader, PushFormat format, const std::string& body) {
  const auto padded = codec::PaddedBytes::copy_of(body);
  const auto totals = reader.check(format, padded.view());
  if (!totals) {
    return "error: " + totals.error().message;
  }
  std::string out;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  reader.read(format, padded.view(), [&](PushChunk& chunk) {
    out += "{";
    for (const Label& label : chunk.labels) {
      out += std::string(label.name) + "=" + std::string(label.value) + ",";
    }
    out += "}";
    bool any = false;
    for (size_t i = 0; i < chunk.lines.size(); ++i) {
      out += " " + std::to_string(chunk.timestamps[i]) + ":" + std::string(chunk.lines[i]);
      for (uint32_t m = 0; m < chunk.metadata[i].count; ++m) {
        const MetaPair& pair = chunk.metadata[i].pairs[m];
        out += "(" + std::string(pair.name) + "=" + std::string(pair.value) + ")";
        any = true;
      }
      bytes += chunk.sizes[i];
    }
    CHECK(chunk.any_metadata == any);
    entries += chunk.lines.size();
  });
  CHECK(entries == totals->entries);
  CHECK(bytes == totals->bytes);
  return out;
}
std::string read_all(PushFormat format, const std::string& body) {
  PushReader reader;
  return read_all(reader, format, body);
}
std::string json(const std::string& body) {
  return read_all(PushFormat::json, body);
}
std::string protobuf(const std::string& body) {
  return read_all(PushFormat::protobuf, body);
}

std::string field(uint32_t number, std::string_view content) {
  std::string out(codec::bytes_field_size(number, content.size()), '\0');
  codec::write_bytes_field(out.data(), number, content);
  return out;
}
std::string entry(int64_t timestamp, std::string_view line) {
  loki::EntryWriter writer;
  std::string out(loki::EntryWriter::entry_bound(line, {}, {}) + loki::kWriteSlack, '\0');
  out.resize(static_cast<size_t>(writer.write(out.data(), timestamp, line, {}, {}) - out.data()));
  return out;
}

}  // namespace

TEST_CASE("PushReader: a protobuf body from the protobuf library") {
  CHECK(protobuf(from_hex("0a3a0a187b6170703d22617069222c20713d225c22785c5c5c6e227d12070a02100112"
                          "016112150a021002120262621a0b0a057472616365120274310a1a0a077b623d2232227d"
                          "120f0a08088094ebdc0310031203636363")) ==
        "{app=api,q=\"x\\\n,} 1:a 2:bb(trace=t1){b=2,} 1000000000000000003:ccc");
}

TEST_CASE("PushReader: labels behind the entries, unknown fields, empty streams") {
  CHECK(protobuf(field(1, field(1, "{a=\"1\"}") + entry(7, "x") + "\x18\x05" + field(9, "?")) +
                 field(2, "format")) == "{a=1,} 7:x");
  CHECK(protobuf(field(1, entry(7, "x") + field(1, "{a=\"1\"}"))) == "{a=1,} 7:x");
  CHECK(protobuf(field(1, field(1, "{a=\"1\"}"))) == "");
  CHECK(protobuf("") == "");
}

TEST_CASE("PushReader: protobuf bodies that are refused") {
  const std::string labels = field(1, "{a=\"1\"}");
  for (const std::string& body :
       {"garbage"s, "{\"streams\":[]}"s, field(1, "garbage"), field(1, entry(1, "no labels")),
        field(1, field(1, "{}") + entry(1, "x")), field(1, field(1, "{a=1}") + entry(1, "x")),
        field(1, field(1, "{a=\"\"}") + entry(1, "x")), field(1, labels + field(2, "garbage")),
        field(1, labels + field(2, field(2, "no time"))),
        field(1, labels + field(2, field(1, "\x10\x80\x94\xeb\xdc\x03"))),  // 1e9 ns
        field(1,
              labels + field(2, field(1, "\x08\xff\xff\xff\xff\xff\xff\x7f"))),  // year 17 million
        field(1, labels + field(2, field(1, "\x08\x01") + field(3, "garbage"))),
        field(1, labels + entry(1, "x")).substr(0, 14)}) {
    CAPTURE(body);
    CHECK(protobuf(body).starts_with("error: "));
  }
}

TEST_CASE("PushReader: JSON, the present form") {
  CHECK(json(R"({"streams":[{"stream":{"app":"a\"pi","x":""},"values":[["1","a\nb"],)"
             R"(["1767323045123456789","c",{"trace":"t\u00fc"}]]}]})") ==
        "{app=a\"pi,} 1:a\nb 1767323045123456789:c(trace=tü)");
  CHECK(json(R"({"streams":[{"values":[["1","x"]],"stream":{"a":"1"}},)"
             R"({"stream":{"b":"2"},"values":[]}],"other":[1,{"x":2}]})") == "{a=1,} 1:x");
  CHECK(json(R"({"streams":[]})") == "");
  CHECK(json(R"({"streams":[{"stream":{"a":"1"},"values":[["5","x",)"
             R"({"structuredMetadata":{"k":"v"},"parsed":{"p":"q"}}]]}]})") == "{a=1,} 5:x(k=v)");
}

TEST_CASE("PushReader: JSON, the form of /api/prom/push") {
  CHECK(json(R"({"streams":[{"labels":"{foo=\"bar\"}","entries":[)"
             R"({"ts":"2026-01-02T03:04:05.5Z","line":"x"},)"
             R"({"line":"y","timestamp":"2026-01-02T03:04:06Z"}]}]})") ==
        "{foo=bar,} 1767323045500000000:x 1767323046000000000:y");
}

TEST_CASE("PushReader: JSON bodies that are refused") {
  for (const char* body :
       {"",
        "x",
        "[]",
        "{}",
        "{",
        R"({"streams":{}})",
        R"({"streams":[1]})",
        R"({"streams":[{}]})",
        R"({"streams":[{"stream":{},"values":[["1","x"]]}]})",
        R"({"streams":[{"stream":{"a":1},"values":[["1","x"]]}]})",
        R"({"streams":[{"stream":{"a.b":"1"},"values":[["1","x"]]}]})",
        R"({"streams":[{"stream":["a"],"values":[["1","x"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":{"1":"x"}}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[{"1":"x"}]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[[1,"x"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1.5","x"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["99999999999999999999","x"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1",2]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1","x","y"]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1","x",{"k":1}]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1","x",{},{}]]}]})",
        R"({"streams":[{"stream":{"a":"1"},"values":[["1","x"]})",
        R"({"streams":[{"labels":"{a=1}","entries":[]}]})",
        R"({"streams":[{"labels":"{a=\"1\"}","entries":[{"line":"x"}]}]})",
        R"({"streams":[{"labels":"{a=\"1\"}","entries":[{"ts":"now","line":"x"}]}]})",
        R"({"streams":[{"labels":"{a=\"1\"}","entries":[{"ts":1,"line":"x"}]}]})"}) {
    CAPTURE(body);
    CHECK(json(body).starts_with("error: "));
  }
}

TEST_CASE("PushReader: metadata without a letter or digit in its name is refused") {
  for (const std::string name : {"", "_", "____", "-.-", "\u65e5\u672c", "__.__"}) {
    CAPTURE(name);
    const std::string wanted =
        "error: structured metadata has the name \"" + name + "\", without a letter or digit";
    const std::string pair = field(1, name) + field(2, "v");
    CHECK(protobuf(field(1, field(1, "{a=\"1\"}") +
                                field(2, field(1, "\x08\x01") + field(3, pair)))) == wanted);
    CHECK(json(R"({"streams":[{"stream":{"a":"1"},"values":[["5","x",{")" + name +
               R"(":"v"}]]}]})") == wanted);
  }
  CHECK(json(R"({"streams":[{"stream":{"a":"1"},"values":[["5","x",{"_1":"v","-a":""}]]}]})") ==
        "{a=1,} 5:x(_1=v)(-a=)");
}

TEST_CASE("PushReader: large streams come in chunks, in order") {
  PushReader reader;
  for (const PushFormat format : {PushFormat::protobuf, PushFormat::json}) {
    for (const size_t line_size : {0UL, 100UL, 50000UL, 400000UL}) {
      const size_t count = line_size == 0 ? 40000 : 3'000'000 / line_size + 1;
      // A line break makes JSON unescape every line into its scratch memory.
      const std::string rest = line_size == 0 ? "" : "\n" + std::string(line_size - 1, 'x');
      const std::string json_rest = line_size == 0 ? "" : "\\n" + std::string(line_size - 1, 'x');
      std::string body;
      if (format == PushFormat::protobuf) {
        std::string stream = field(1, "{a=\"1\"}");
        for (size_t i = 0; i < count; ++i) {
          stream += entry(static_cast<int64_t>(i), rest);
        }
        body = field(1, stream);
      } else {
        body = R"({"streams":[{"stream":{"a":"1"},"values":[)";
        for (size_t i = 0; i < count; ++i) {
          body += (i == 0 ? "[\"" : ",[\"") + std::to_string(i) + "\",\"" + json_rest + "\"]";
        }
        body += "]}]}";
      }
      const auto padded = codec::PaddedBytes::copy_of(body);
      const auto totals = reader.check(format, padded.view());
      REQUIRE(totals);
      CHECK(totals->streams == 1);
      CHECK(totals->entries == count);
      CHECK(totals->bytes == count * line_size);
      int64_t next = 0;
      bool good = true;
      reader.read(format, padded.view(), [&](PushChunk& chunk) {
        good = good && chunk.lines.size() <= kMaxUnitRecords && chunk.labels.size() == 1 &&
               chunk.labels[0].value == "1";
        size_t bytes = 0;
        for (size_t i = 0; i < chunk.lines.size(); ++i) {
          good = good && chunk.timestamps[i] == next++ && chunk.lines[i] == rest;
          bytes += chunk.sizes[i];
        }
        good = good && (bytes <= kMaxBlockBytes || chunk.lines.size() <= 2);
      });
      CHECK(good);
      CHECK(next == static_cast<int64_t>(count));
    }
  }
  reader.release();
  CHECK(read_all(reader, PushFormat::json,
                 R"({"streams":[{"stream":{"a":"1"},"values":[["1","x"]]}]})") == "{a=1,} 1:x");
}

TEST_CASE("PushReader: what is damaged is read or refused, and a check that passes holds") {
  std::mt19937 random(13);
  PushReader reader;
  const std::string json_body =
      R"({"streams":[{"stream":{"a":"x\u00fcy","b":"2"},"values":[["1","li\nne",{"k":"v"}],)"
      R"(["22","other"]]},{"labels":"{c=\"3\"}","entries":[{"ts":"2026-01-02T03:04:05Z",)"
      R"("line":"old"}]}]})";
  const std::string protobuf_body = field(1, field(1, R"({a="x\ty", b="2"})") + entry(1, "line") +
                                                 entry(2, std::string(300, 'z'))) +
                                    field(1, field(1, "{c=\"3\"}") + entry(3, "other"));
  size_t taken = 0;
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const PushFormat format = i % 2 == 0 ? PushFormat::json : PushFormat::protobuf;
    std::string body = i % 2 == 0 ? json_body : protobuf_body;
    for (size_t changes = 1 + random() % 3; changes > 0 && !body.empty(); --changes) {
      const size_t at = random() % body.size();
      switch (random() % 4) {
        case 0:
          body[at] = static_cast<char>(random());
          break;
        case 1:
          body.erase(at, 1 + random() % 4);
          break;
        case 2:
          body.insert(at, 1, body[random() % body.size()]);
          break;
        default:
          body.resize(at);
      }
    }
    // read_all() itself requires that the second pass finds what the first has counted.
    (read_all(reader, format, body).starts_with("error: ") ? refused : taken) += 1;
  }
  CHECK(taken > 100);
  CHECK(refused > 100);
}
