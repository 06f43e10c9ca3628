#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>
#include <snappy-sinksource.h>
#include <snappy.h>

/// The least that any agent must do with a CRI line on its way to Loki: split, join partials, copy
/// into the request's protobuf, compress. No labels from paths, no receipts, no checkpoints, no
/// limits, no errors: the floor that tailrace is measured against.
namespace tailrace::benchmarks {

/// Bytes that are appended to without a check per byte.
class Buffer {
 public:
  char* room(size_t bytes) {
    if (size_ + bytes > capacity_) {
      capacity_ = std::max(capacity_ * 2, size_ + bytes);
      std::unique_ptr<char[]> grown(new char[capacity_]);
      memcpy(grown.get(), data_.get(), size_);
      data_ = std::move(grown);
    }
    return data_.get() + size_;
  }
  void advance_to(const char* end) { size_ = static_cast<size_t>(end - data_.get()); }
  void append(std::string_view bytes) {
    memcpy(room(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void clear() { size_ = 0; }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  size_t size_ = 0;
  size_t capacity_ = 64 * 1024;
  std::unique_ptr<char[]> data_{new char[capacity_]};
};

inline char* put_varint(char* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}
inline size_t varint_size(uint64_t value) {
  return (static_cast<size_t>(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
}
inline char* put_text(char* at, uint8_t tag, std::string_view text) {
  *at++ = static_cast<char>(tag);
  at = put_varint(at, text.size());
  memcpy(at, text.data(), text.size());
  return at + text.size();
}
inline size_t text_size(std::string_view text) {
  return 1 + varint_size(text.size()) + text.size();
}

/// RFC 3339 in UTC to nanoseconds; the minute is parsed once for all lines that share it.
class TimeReader {
 public:
  int64_t read(std::string_view text) {
    if (memcmp(text.data(), minute_, sizeof minute_) != 0) {
      memcpy(minute_, text.data(), sizeof minute_);
      minute_seconds_ = seconds_of_minute(text);
    }
    const int64_t second = (text[17] - '0') * 10 + (text[18] - '0');
    if (text.size() == 30) [[likely]] {
      const uint64_t nanos = eight_digits(text.data() + 20) * 10 + uint64_t(text[28] - '0');
      return (minute_seconds_ + second) * 1'000'000'000 + static_cast<int64_t>(nanos);
    }
    int64_t fraction = 0;
    int64_t unit = 1'000'000'000;
    for (size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      fraction = fraction * 10 + (text[i] - '0');
      unit /= 10;
    }
    return (minute_seconds_ + second) * 1'000'000'000 + fraction * unit;
  }

 private:
  /// Eight ASCII digits at once: pairs, then fours, then all.
  static uint64_t eight_digits(const char* text) {
    uint64_t word = 0;
    memcpy(&word, text, 8);
    word = (word & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
    word = (word & 0x00ff00ff00ff00ff) * 6553601 >> 16;
    return (word & 0x0000ffff0000ffff) * 42949672960001 >> 32;
  }
  static int64_t seconds_of_minute(std::string_view text) {
    auto number = [text](size_t at, size_t digits) {
      int64_t value = 0;
      for (size_t i = at; i < at + digits; ++i) {
        value = value * 10 + (text[i] - '0');
      }
      return value;
    };
    // Days from civil, Howard Hinnant's algorithm.
    int64_t year = number(0, 4);
    const int64_t month = number(5, 2);
    year -= month <= 2 ? 1 : 0;
    const int64_t era = year / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number(8, 2) - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    const int64_t days = era * 146097 + day_of_era - 719468;
    return ((days * 24 + number(11, 2)) * 60 + number(14, 2)) * 60;
  }

  char minute_[17] = {};
  int64_t minute_seconds_ = 0;
};

/// Entries of one (file, stdout or stderr) in the open request, and the line that is being joined.
struct OpenStream {
  std::string labels;
  Buffer entries;
  std::string partial;
  int64_t partial_time = 0;
};

/// A request's body in pieces, so that nothing is copied to join them.
class PieceSource final : public snappy::Source {
 public:
  explicit PieceSource(const std::vector<std::string_view>& pieces) : pieces_(pieces) {
    for (std::string_view piece : pieces) {
      left_ += piece.size();
    }
  }
  size_t Available() const override { return left_; }
  const char* Peek(size_t* length) override {
    *length = pieces_[index_].size() - at_;
    return pieces_[index_].data() + at_;
  }
  void Skip(size_t bytes) override {
    left_ -= bytes;
    at_ += bytes;
    while (index_ < pieces_.size() && at_ >= pieces_[index_].size()) {
      at_ -= pieces_[index_].size();
      ++index_;
    }
  }

 private:
  const std::vector<std::string_view>& pieces_;
  size_t left_ = 0;
  size_t index_ = 0;
  size_t at_ = 0;
};

/// Splits CRI lines of one file at a time and gathers them per stream.
class FloorEncoder {
 public:
  explicit FloorEncoder(bool json) : json_(json) {}

  void begin_file(const std::string& name) {
    for (auto* side : {"stdout", "stderr"}) {
      auto stream = std::make_unique<OpenStream>();
      stream->labels = "{filename=\"" + name + "\", stream=\"" + side + "\"}";
      streams_.push_back(std::move(stream));
    }
  }

  /// Takes all whole lines of the block; returns how many bytes they were.
  size_t take(std::string_view block) {
    size_t at = 0;
    while (const void* found = memchr(block.data() + at, '\n', block.size() - at)) {
      const size_t end = static_cast<size_t>(static_cast<const char*>(found) - block.data());
      line(block.substr(at, end - at));
      at = end + 1;
    }
    return at;
  }

  size_t bytes() const { return bytes_; }
  uint64_t lines() const { return lines_; }

  /// The open request as pieces; they stay valid until clear().
  std::vector<std::string_view> pieces() {
    heads_.clear();
    std::vector<std::string_view> pieces;
    for (auto& stream : streams_) {
      if (stream->entries.size() == 0) {
        continue;
      }
      auto head = std::make_unique<Buffer>();
      const size_t size = text_size(stream->labels) + stream->entries.size();
      char* at = head->room(32 + stream->labels.size());
      *at++ = 0x0a;
      at = put_varint(at, size);
      head->advance_to(put_text(at, 0x0a, stream->labels));
      pieces.push_back(head->view());
      pieces.push_back(stream->entries.view());
      heads_.push_back(std::move(head));
    }
    return pieces;
  }
  void clear() {
    for (auto& stream : streams_) {
      stream->entries.clear();
    }
    if (streams_.size() > 2) {  // those of files that have ended
      streams_.erase(streams_.begin(), streams_.end() - 2);
    }
    bytes_ = 0;
  }

 private:
  void line(std::string_view text) {
    const size_t time_end = text.size() > 30 && text[30] == ' ' ? 30 : text.find(' ');
    const int64_t time = times_.read(text.substr(0, time_end));
    OpenStream& stream = *streams_[streams_.size() - (text[time_end + 4] == 'o' ? 2 : 1)];
    const bool whole = text[time_end + 8] == 'F';
    const std::string_view content = text.substr(time_end + 10);
    ++lines_;
    if (!whole || !stream.partial.empty()) [[unlikely]] {
      if (stream.partial.empty()) {
        stream.partial_time = time;
      }
      stream.partial.append(content);
      if (whole) {
        entry(stream, stream.partial_time, stream.partial);
        stream.partial.clear();
      }
      return;
    }
    entry(stream, time, content);
  }

  void entry(OpenStream& stream, int64_t time, std::string_view content) {
    if (json_ && content.starts_with('{') && &content.front() != stream.partial.data()) {
      read_json(content);
    } else {
      metadata_.clear();
    }
    const auto seconds = static_cast<uint64_t>(time / 1'000'000'000);
    const auto nanos = static_cast<uint64_t>(time % 1'000'000'000);
    const size_t time_size = 2 + varint_size(seconds) + varint_size(nanos);
    size_t size = 2 + time_size + text_size(content);
    for (const auto& [name, value] : metadata_) {
      const size_t pair = text_size(name) + text_size(value);
      size += 1 + varint_size(pair) + pair;
    }
    char* at = stream.entries.room(size + 16);
    const char* begin = at;
    *at++ = 0x12;
    at = put_varint(at, size);
    *at++ = 0x0a;
    at = put_varint(at, time_size);
    *at++ = 0x08;
    at = put_varint(at, seconds);
    *at++ = 0x10;
    at = put_varint(at, nanos);
    at = put_text(at, 0x12, content);
    for (const auto& [name, value] : metadata_) {
      *at++ = 0x1a;
      at = put_varint(at, text_size(name) + text_size(value));
      at = put_text(put_text(at, 0x0a, name), 0x12, value);
    }
    bytes_ += static_cast<size_t>(at - begin);
    stream.entries.advance_to(at);
  }

  /// Level, reqId and userId of a JSON line into metadata_.
  void read_json(std::string_view content) {
    metadata_.clear();
    simdjson::ondemand::document document;
    // Blocks have the padding that the parser needs behind every line.
    if (parser_.iterate(content.data(), content.size(), content.size() + simdjson::SIMDJSON_PADDING)
            .get(document) != simdjson::SUCCESS) {
      return;
    }
    simdjson::ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) {
      return;
    }
    for (auto field : object) {
      simdjson::ondemand::raw_json_string key;
      if (field.key().get(key) != simdjson::SUCCESS) {
        return;
      }
      if (key == "level") {
        metadata_.emplace_back("level", raw_text(field));
      } else if (key == "reqId") {
        metadata_.emplace_back("req_id", raw_text(field));
      } else if (key == "userId") {
        metadata_.emplace_back("user", raw_text(field));
      }
      if (metadata_.size() == 3) {
        return;
      }
    }
  }
  static std::string_view raw_text(simdjson::simdjson_result<simdjson::ondemand::field>& field) {
    std::string_view text = field.value().raw_json_token().value_unsafe();
    if (text.starts_with('"')) {
      text = text.substr(1, text.find('"', 1) - 1);
    }
    return text;
  }

  const bool json_;
  simdjson::ondemand::parser parser_;
  TimeReader times_;
  std::vector<std::unique_ptr<OpenStream>> streams_;
  std::vector<std::unique_ptr<Buffer>> heads_;
  std::vector<std::pair<std::string_view, std::string_view>> metadata_;
  size_t bytes_ = 0;
  uint64_t lines_ = 0;
};

}  // namespace tailrace::benchmarks
