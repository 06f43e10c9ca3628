#include "codec/docker_line.h"

#include <cstring>

#include "codec/json.h"
#include "codec/json_text.h"

namespace tailrace::codec {
namespace {

constexpr std::string_view kLog = R"({"log":")";
constexpr std::string_view kStream = R"(,"stream":")";
constexpr std::string_view kTime = R"(,"time":")";

bool skip(const char*& at, const char* end, std::string_view text) noexcept {
  if (static_cast<size_t>(end - at) < text.size() ||
      std::memcmp(at, text.data(), text.size()) != 0) {
    return false;
  }
  at += text.size();
  return true;
}

/// A string's inside up to its closing quote, without escapes; `at` moves behind the quote.
bool plain_string(const char*& at, const char* end, std::string_view& out) noexcept {
  const char* stop = find_quote_or_backslash(at, end);
  if (stop == end || *stop != '"') {
    return false;
  }
  out = {at, static_cast<size_t>(stop - at)};
  at = stop + 1;
  return true;
}

void set_log(std::string_view text, DockerLine& out) noexcept {
  out.partial = text.empty() || text.back() != '\n';
  out.log = out.partial ? text : text.substr(0, text.size() - 1);
}

/// The value of `log`, from behind its opening quote; `at` moves behind the closing one.
bool read_log(const char*& at, const char* end, DockerLine& out, Arena& arena) {
  const char* const begin = at;
  const char* stop = find_quote_or_backslash(at, end);
  if (end - stop >= 3 && stop[0] == '\\' && stop[1] == 'n' && stop[2] == '"') {
    out.log = {begin, static_cast<size_t>(stop - begin)};  // nothing escaped but the newline
    out.partial = false;
    at = stop + 3;
    return true;
  }
  bool escapes = false;
  while (stop != end && *stop == '\\') {
    if (end - stop < 2) {
      return false;
    }
    escapes = true;
    stop = find_quote_or_backslash(stop + 2, end);
  }
  if (stop == end) {
    return false;
  }
  const std::string_view inside(begin, static_cast<size_t>(stop - begin));
  at = stop + 1;
  if (!escapes) {
    set_log(inside, out);
    return true;
  }
  char* text = arena.array<char>(inside.size());
  size_t size = 0;
  if (!json_unescape(inside, text, size)) {
    return false;
  }
  set_log({text, size}, out);
  return true;
}

}  // namespace

DockerLineParser::DockerLineParser() = default;
DockerLineParser::~DockerLineParser() = default;
DockerLineParser::DockerLineParser(DockerLineParser&&) noexcept = default;
DockerLineParser& DockerLineParser::operator=(DockerLineParser&&) noexcept = default;

bool DockerLineParser::parse(std::string_view line, DockerLine& out, Arena& arena) {
  out = {};
  if (parse_usual(line, out, arena)) [[likely]] {
    return true;
  }
  out = {};
  return parse_any(line, out, arena);
}

bool DockerLineParser::parse_usual(std::string_view line, DockerLine& out, Arena& arena) {
  const char* at = line.data();
  const char* const end = at + line.size();
  std::string_view time;
  if (!skip(at, end, kLog) || !read_log(at, end, out, arena) || !skip(at, end, kStream) ||
      !plain_string(at, end, out.stream) || !skip(at, end, kTime) || !plain_string(at, end, time) ||
      end - at != 1 || *at != '}') {
    return false;
  }
  const char* const time_end = time.data() + time.size();
  out.has_time = times_.read(time.data(), time_end, out.timestamp_ns) == time_end;
  return true;
}

bool DockerLineParser::parse_any(std::string_view line, DockerLine& out, Arena& arena) {
  if (json_ == nullptr) {
    json_ = std::make_unique<JsonReader>();
  }
  bool has_log = false;
  const bool whole = json_->each_field(line, arena, [&](std::string_view key, JsonValue& value) {
    if (key != "log" && key != "stream" && key != "time") {
      return true;
    }
    std::string_view text;
    if (value.type() != JsonType::string || !value.text(text)) {
      return true;
    }
    if (key == "log") {
      has_log = true;
      set_log(text, out);
    } else if (key == "stream") {
      out.stream = text;
    } else {
      out.has_time = parse_rfc3339(text, out.timestamp_ns);
    }
    return true;
  });
  return whole && has_log;
}

}  // namespace tailrace::codec
