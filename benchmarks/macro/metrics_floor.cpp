// The least that scraping to remote write can cost, as a process: keep-alive, a comparison with the
// last page for the labels, the value by from_chars, remote write 1.0 from known labels, snappy,
// POST. One thread, no limits, no errors survived: a yardstick, not an agent.
//
//   metrics_floor --page HOST:PORT --sink HOST:PORT --targets N --interval-ms N

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <snappy.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "benchmarks/macro/sockets.h"

namespace {

constexpr size_t kBatchBytes = 1 << 20;
constexpr int64_t kLingerNs = 1'000'000'000;

int64_t now_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

[[noreturn]] void die(const char* what) {
  perror(what);
  exit(1);
}

/// A blocking connection that stays.
class Peer {
 public:
  explicit Peer(std::string_view address) : fd_(tailrace::benchmarks::connect_to(address)) {
    if (fd_ < 0) {
      die("metrics_floor: connect");
    }
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(fd_); }

  void send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        die("metrics_floor: send");
      }
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  /// An answer's body; `buffer` keeps it.
  std::string_view receive(std::string& buffer) const {
    size_t have = 0;
    size_t head = 0;
    size_t length = 0;
    for (;;) {
      if (buffer.size() < have + 256 * 1024) {
        buffer.resize(have + 256 * 1024);
      }
      const ssize_t got = read(fd_, buffer.data() + have, buffer.size() - have);
      if (got <= 0) {
        die("metrics_floor: read");
      }
      have += static_cast<size_t>(got);
      const std::string_view all(buffer.data(), have);
      if (head == 0) {
        const size_t end = all.find("\r\n\r\n");
        if (end == std::string_view::npos) {
          continue;
        }
        head = end + 4;
        const size_t at = all.substr(0, end).find("Content-Length: ");
        length = at == std::string_view::npos ? 0 : strtoul(all.data() + at + 16, nullptr, 10);
      }
      if (have >= head + length) {
        return all.substr(head, length);
      }
    }
  }

 private:
  int fd_;
};

char* put_varint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

void add_label(std::string& to, std::string_view name, std::string_view value) {
  char head[16];
  std::string pair("\x0a");
  pair.append(head, put_varint(head, name.size())).append(name).append("\x12");
  pair.append(head, put_varint(head, value.size())).append(value);
  to += '\x0a';
  to.append(head, put_varint(head, pair.size())).append(pair);
}

/// What is known of a line: its text up to the value, and its labels for the wire.
struct Series {
  std::string text;
  std::string labels;
};

/// Names sort before labels here, and the page has its labels in order: enough for a floor.
Series make_series(std::string_view text, std::string_view instance) {
  Series made;
  made.text = text;
  const size_t brace = text.find('{');
  add_label(made.labels, "__name__", text.substr(0, brace));
  std::string_view rest = text.substr(brace + 1);
  bool placed = false;
  while (rest.find('=') != std::string_view::npos) {
    const size_t equals = rest.find('=');
    const size_t end = rest.find('"', equals + 2);
    const std::string_view name = rest.substr(0, equals);
    if (!placed && name > "job") {
      add_label(made.labels, "instance", instance);
      add_label(made.labels, "job", "bench");
      placed = true;
    }
    add_label(made.labels, name, rest.substr(equals + 2, end - equals - 2));
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return made;
}

class Writer {
 public:
  explicit Writer(std::string_view sink) : peer_(sink) { body_.reserve(2 * kBatchBytes); }

  void sample(const std::string& labels, double value, std::string_view time) {
    char record[32] = {'\x12', 0, '\x09'};
    std::memcpy(record + 3, &value, sizeof value);
    record[11] = '\x10';
    std::memcpy(record + 12, time.data(), time.size());
    const size_t size = 12 + time.size();
    record[1] = static_cast<char>(size - 2);
    const size_t at = body_.size();
    body_.resize(at + labels.size() + size + 8);
    char* to = body_.data() + at;
    *to++ = '\x0a';
    to = put_varint(to, labels.size() + size);
    std::memcpy(to, labels.data(), labels.size());
    to += labels.size();
    std::memcpy(to, record, size);
    body_.resize(static_cast<size_t>(to + size - body_.data()));
    if (body_.size() >= kBatchBytes) {
      flush();
    }
  }
  void flush_old(int64_t now) {
    if (!body_.empty() && now - last_ns_ >= kLingerNs) {
      flush();
      last_ns_ = now;
    }
  }

 private:
  void flush() {
    snappy::Compress(body_.data(), body_.size(), &packed_);
    body_.clear();
    peer_.send_all(
        fmt::format("POST /api/v1/write HTTP/1.1\r\nHost: sink\r\nContent-Encoding: "
                    "snappy\r\nContent-Type: application/x-protobuf\r\n"
                    "Content-Length: {}\r\n\r\n",
                    packed_.size()));
    peer_.send_all(packed_);
    peer_.receive(answer_);
  }
  Peer peer_;
  std::string body_;
  std::string packed_;
  std::string answer_;
  int64_t last_ns_ = now_ns(CLOCK_MONOTONIC);
};

class Target {
 public:
  Target(std::string_view page, int number)
      : peer_(page), instance_(fmt::format("target-{}:8080", number)) {}

  void scrape(Writer& writer, std::string& buffer) {
    peer_.send_all("GET /metrics HTTP/1.1\r\nHost: page\r\n\r\n");
    const std::string_view page = peer_.receive(buffer);
    char time[16];
    const auto milliseconds = static_cast<uint64_t>(now_ns(CLOCK_REALTIME) / 1'000'000);
    const std::string_view stamp(time, static_cast<size_t>(put_varint(time, milliseconds) - time));
    size_t index = 0;
    for (const char *at = page.data(), *end = at + page.size(); at != end;) {
      const auto* stop = static_cast<const char*>(memchr(at, '\n', static_cast<size_t>(end - at)));
      if (*at != '#') {
        const size_t length = static_cast<size_t>(stop - at);
        if (index == series_.size()) {
          const std::string_view line(at, length);
          series_.push_back(make_series(line.substr(0, line.rfind(' ') + 1), instance_));
        }
        const Series& known = series_[index++];
        if (length <= known.text.size() ||
            std::memcmp(at, known.text.data(), known.text.size()) != 0) {
          fmt::print(stderr, "metrics_floor: the page changed its shape\n");
          exit(1);
        }
        double value = 0;
        std::from_chars(at + known.text.size(), stop, value);
        writer.sample(known.labels, value, stamp);
      }
      at = stop + 1;
    }
  }

 private:
  Peer peer_;
  std::string instance_;
  std::vector<Series> series_;
};

}  // namespace

int main(int argc, char** argv) {
  std::string page;
  std::string sink;
  int targets = 1;
  int64_t interval_ns = 1'000'000'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--page") {
      page = argv[i + 1];
    } else if (name == "--sink") {
      sink = argv[i + 1];
    } else if (name == "--targets") {
      targets = atoi(argv[i + 1]);
    } else if (name == "--interval-ms") {
      interval_ns = atoll(argv[i + 1]) * 1'000'000;
    } else {
      fmt::print(stderr, "metrics_floor: {} is not known\n", name);
      return 2;
    }
  }
  Writer writer(sink);
  std::vector<std::unique_ptr<Target>> all;
  for (int i = 0; i < targets; ++i) {
    all.push_back(std::make_unique<Target>(page, i));
  }
  std::string buffer;
  const int64_t start = now_ns(CLOCK_MONOTONIC);
  for (int64_t turn = 0;; ++turn) {
    // Targets are spread over the interval, as every scraper does it.
    const int64_t due = start + turn * interval_ns / targets;
    const timespec until{due / 1'000'000'000, due % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    all[static_cast<size_t>(turn % targets)]->scrape(writer, buffer);
    writer.flush_old(now_ns(CLOCK_MONOTONIC));
  }
}
