// The floor program: what the machine must spend on CRI files -> Loki, and nothing else.
// Reads 256 KiB blocks, splits, joins partials, copies into 1 MiB requests, compresses with snappy
// (or, with --none, frames them as literals), and posts them over one keep-alive socket.
//
//   floor --sink 127.0.0.1:PORT [--none] [--json] [--threads N] FILE...
//   floor --bare FILE...
//
// --bare reads and compresses the files' bytes in blocks, without splitting, encoding or
// posting anything: what the floor is held against.
// Prints one line of JSON: CPU seconds (of all, and of snappy and the POST within), wall time,
// bytes, lines, max RSS. `cpu_s - post_s` over `snappy_s` says how far the floor itself is from
// bare snappy over the same bytes.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "benchmarks/macro/floor_encode.h"

namespace tailrace::benchmarks {
namespace {

constexpr size_t kBlockBytes = 256 * 1024;
constexpr size_t kMaxLineBytes = 256 * 1024;
constexpr size_t kRequestBytes = 1024 * 1024;

struct Options {
  sockaddr_in sink{};
  bool compress = true;
  bool json = false;
  bool bare = false;
  unsigned threads = 1;
  std::vector<std::string> files;
};

struct Spent {
  double snappy = 0;
  double post = 0;
  uint64_t bytes = 0;
  uint64_t body_bytes = 0;
  uint64_t wire_bytes = 0;
  uint64_t lines = 0;
};

double clock_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

/// One keep-alive connection.
class Poster {
 public:
  explicit Poster(const sockaddr_in& sink) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&sink), sizeof sink) != 0) {
      fail("floor: connect");
    }
  }
  ~Poster() { close(fd_); }
  Poster(const Poster&) = delete;
  Poster& operator=(const Poster&) = delete;

  /// Sends the pieces as one body and waits for the answer. Empties `pieces`.
  void post(std::vector<std::string_view>& pieces, size_t size) {
    const std::string head = fmt::format(
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: sink\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Length: {}\r\n\r\n",
        size);
    pieces.insert(pieces.begin(), head);
    while (!pieces.empty()) {
      std::vector<iovec> parts;
      for (size_t i = 0; i < pieces.size() && i < 64; ++i) {
        parts.push_back({const_cast<char*>(pieces[i].data()), pieces[i].size()});
      }
      const ssize_t sent = writev(fd_, parts.data(), static_cast<int>(parts.size()));
      if (sent <= 0) {
        fail("floor: send");
      }
      drop_front(pieces, static_cast<size_t>(sent));
    }
    char answer[1024];
    size_t got = 0;
    while (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4) != 0) {
      const ssize_t n = recv(fd_, answer + got, sizeof answer - got, 0);
      if (n <= 0) {
        fail("floor: answer");
      }
      got += static_cast<size_t>(n);
    }
    if (memcmp(answer, "HTTP/1.1 204", 12) != 0) {
      fail("floor: not a 204");
    }
  }

 private:
  static void drop_front(std::vector<std::string_view>& pieces, size_t bytes) {
    size_t done = 0;
    while (done < pieces.size() && bytes >= pieces[done].size()) {
      bytes -= pieces[done++].size();
    }
    pieces.erase(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(done));
    if (!pieces.empty()) {
      pieces.front().remove_prefix(bytes);
    }
  }

  int fd_;
};

/// Bare snappy over the same bytes.
Spent compress_bare(const Options& options) {
  Spent spent;
  std::string raw(kBlockBytes, '\0');
  std::string compressed(snappy::MaxCompressedLength(raw.size()), '\0');
  for (const std::string& path : options.files) {
    const int fd = open(path.c_str(), O_RDONLY);
    if (fd < 0) {
      fail(path.c_str());
    }
    ssize_t got = 0;
    while ((got = read(fd, raw.data(), raw.size())) > 0) {
      const double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
      size_t size = 0;
      snappy::RawCompress(raw.data(), static_cast<size_t>(got), compressed.data(), &size);
      spent.snappy += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
      spent.bytes += static_cast<uint64_t>(got);
      spent.wire_bytes += size;
    }
    close(fd);
  }
  spent.body_bytes = spent.bytes;
  return spent;
}

/// A thread's work: its share of the files, one request at a time.
class Floor {
 public:
  explicit Floor(const Options& options)
      : options_(options), encoder_(options.json), poster_(options.sink) {}

  void run(size_t first, size_t step) {
    for (size_t i = first; i < options_.files.size(); i += step) {
      read_file(options_.files[i]);
    }
    flush();
    spent.lines = encoder_.lines();
  }

  Spent spent;

 private:
  void read_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY);
    if (fd < 0) {
      fail(path.c_str());
    }
    encoder_.begin_file(path);
    size_t left_over = 0;
    for (;;) {
      const ssize_t got = read(fd, block_.get() + left_over, kBlockBytes);
      if (got <= 0) {
        break;
      }
      spent.bytes += static_cast<uint64_t>(got);
      const size_t size = left_over + static_cast<size_t>(got);
      const size_t taken = encoder_.take({block_.get(), size});
      left_over = size - taken;
      if (left_over > kMaxLineBytes) {
        fprintf(stderr, "floor: a line over %zu bytes in %s\n", kMaxLineBytes, path.c_str());
        exit(1);
      }
      memmove(block_.get(), block_.get() + taken, left_over);
      if (encoder_.bytes() >= kRequestBytes - kBlockBytes) {
        flush();
      }
    }
    close(fd);
  }

  void flush() {
    if (encoder_.bytes() == 0) {
      return;
    }
    std::vector<std::string_view> pieces = encoder_.pieces();
    size_t size = 0;
    for (std::string_view piece : pieces) {
      size += piece.size();
    }
    spent.body_bytes += size;
    const double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    if (options_.compress) {
      const size_t room = snappy::MaxCompressedLength(size);
      if (compressed_.size() < room) {
        compressed_.resize(room);
      }
      PieceSource source(pieces);
      snappy::UncheckedByteArraySink out(compressed_.data());
      size = snappy::Compress(&source, &out);
      pieces.assign(1, std::string_view(compressed_.data(), size));
    } else {
      // Snappy of literals: the length, then one literal with a four-byte length (minus one).
      char* at = put_varint(literal_head_, size);
      *at++ = static_cast<char>(63 << 2);
      const auto length = static_cast<uint32_t>(size - 1);
      memcpy(at, &length, 4);
      const auto head = static_cast<size_t>(at + 4 - literal_head_);
      pieces.insert(pieces.begin(), std::string_view(literal_head_, head));
      size += head;
    }
    const double middle = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    spent.wire_bytes += size;
    poster_.post(pieces, size);
    spent.snappy += middle - start;
    spent.post += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - middle;
    encoder_.clear();
  }

  const Options& options_;
  FloorEncoder encoder_;
  Poster poster_;
  std::unique_ptr<char[]> block_{
      new char[kBlockBytes + kMaxLineBytes + simdjson::SIMDJSON_PADDING]};
  std::string compressed_;
  char literal_head_[16] = {};
};

Options read_options(int argc, char** argv) {
  Options options;
  options.sink.sin_family = AF_INET;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--sink" && i + 1 < argc) {
      const std::string address = argv[++i];
      const size_t colon = address.find(':');
      options.sink.sin_port = htons(static_cast<uint16_t>(atoi(address.c_str() + colon + 1)));
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &options.sink.sin_addr);
    } else if (argument == "--none") {
      options.compress = false;
    } else if (argument == "--json") {
      options.json = true;
    } else if (argument == "--bare") {
      options.bare = true;
    } else if (argument == "--threads" && i + 1 < argc) {
      options.threads = static_cast<unsigned>(atoi(argv[++i]));
    } else {
      options.files.push_back(argument);
    }
  }
  if ((options.sink.sin_port == 0 && !options.bare) || options.files.empty() ||
      options.threads == 0) {
    fmt::print(stderr, "usage: floor --sink HOST:PORT [--none] [--json] [--threads N] FILE...\n");
    exit(2);
  }
  return options;
}

Spent run_threads(const Options& options) {
  std::vector<std::unique_ptr<Floor>> floors;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.threads; ++i) {
    floors.push_back(std::make_unique<Floor>(options));
    threads.emplace_back([&floor = *floors.back(), i, &options] { floor.run(i, options.threads); });
  }
  Spent all;
  for (unsigned i = 0; i < options.threads; ++i) {
    threads[i].join();
    const Spent& one = floors[i]->spent;
    all.snappy += one.snappy;
    all.post += one.post;
    all.bytes += one.bytes;
    all.body_bytes += one.body_bytes;
    all.wire_bytes += one.wire_bytes;
    all.lines += one.lines;
  }
  return all;
}

int run(const Options& options) {
  const double start = clock_seconds(CLOCK_MONOTONIC);
  const Spent all = options.bare ? compress_bare(options) : run_threads(options);
  const double wall = clock_seconds(CLOCK_MONOTONIC) - start;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(R"({{"cpu_s":{:.4f},"snappy_s":{:.4f},"post_s":{:.4f},"wall_s":{:.4f},"bytes":{},)"
             R"("body_bytes":{},"wire_bytes":{},"lines":{},"max_rss_kib":{}}})"
             "\n",
             clock_seconds(CLOCK_PROCESS_CPUTIME_ID), all.snappy, all.post, wall, all.bytes,
             all.body_bytes, all.wire_bytes, all.lines, usage.ru_maxrss);
  return 0;
}

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  return tailrace::benchmarks::run(tailrace::benchmarks::read_options(argc, argv));
}
