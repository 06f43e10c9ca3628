#include "plugins/outputs/stdout/stdout.h"

#include <array>
#include <csignal>
#include <cstdio>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "plugins/outputs/stdout/stdout_sink.h"
#include "testkit/config_text.h"
#include "testkit/output_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_stdout_plugin;
}

using namespace tailrace;
using namespace tailrace::outputs::stdout_;
using tailrace::common::text::TextFormat;
using tailrace::testkit::OutputBench;
using tailrace::testkit::read_config;

namespace {

constexpr int kPipe = 8192;

/// A small pipe, so that it is full soon.
class Pipe {
 public:
  Pipe() {
    REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends_[1], F_SETPIPE_SZ, kPipe) == kPipe);
    REQUIRE(fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
  }
  ~Pipe() {
    close_reader();
    close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) {
      close(ends_[0]);
      ends_[0] = -1;
    }
  }
  /// Everything that is in the pipe.
  std::string drain() {
    std::string all;
    char buffer[8192];
    for (ssize_t n = 0; (n = read(ends_[0], buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<size_t>(n));
    }
    return all;
  }

 private:
  std::array<int, 2> ends_{};
};

}  // namespace

TEST_CASE("stdout: a slow reader gets everything, in pieces that never block") {
  Pipe pipe;
  StdoutSink sink(pipe.writer());
  std::string payload;
  for (int i = 0; i < 3000; ++i) {
    payload += "line " + std::to_string(i) + "\n";
  }
  std::string got;
  size_t taken = 0;
  int waits = 0;
  while (taken < payload.size()) {
    const auto step = sink.write(payload, taken);
    REQUIRE(step);
    waits += *step == 0 ? 1 : 0;
    taken += *step;
    got += pipe.drain();
    REQUIRE(waits < 3);
  }
  got += pipe.drain();
  CHECK(got == payload);
}

TEST_CASE("stdout: a reader that stopped costs a worker no more than its patience") {
  Pipe pipe;
  StdoutSink sink(pipe.writer());
  const std::string payload = std::string(2 * kPipe - 1, 'x') + "\n";
  size_t taken = 0;
  for (int i = 0; i < 10; ++i) {
    const auto step = sink.write(payload, taken);
    REQUIRE(step);
    taken += *step;
  }
  CHECK(taken == kPipe);
  pipe.drain();
  CHECK(*sink.write(payload, taken) == kPipe);
}

TEST_CASE("stdout: requests of several lanes take turns, a line that was left is ended first") {
  Pipe pipe;
  StdoutSink first(pipe.writer());
  StdoutSink second(pipe.writer());
  const std::string payload = std::string(kPipe + 5, 'a') + "\n";
  const auto begun = first.write(payload, 0);
  REQUIRE(begun);
  CHECK(*begun == kPipe);
  const auto refused = second.write("other\n", 0);
  REQUIRE(refused);
  CHECK(*refused == 0);
  CHECK(pipe.drain() == payload.substr(0, kPipe));

  SUBCASE("the first one ends its request") {
    const auto rest = first.write(payload, kPipe);
    REQUIRE(rest);
    CHECK(*rest == payload.size() - kPipe);
    CHECK(*second.write("other\n", 0) == 6);
    CHECK(pipe.drain() == payload.substr(kPipe) + "other\n");
  }
  SUBCASE("the first one is cancelled") {
    first.give_up();
    CHECK(*second.write("other\n", 0) == 6);
    CHECK(pipe.drain() == "\nother\n");
    CHECK(*first.write("again\n", 0) == 6);
    CHECK(pipe.drain() == "again\n");
  }
}

TEST_CASE("stdout: a closed pipe is an error that says so, and the turn can be given back") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe closed;
  closed.close_reader();
  StdoutSink sink(closed.writer());
  const auto step = sink.write("x\n", 0);
  REQUIRE_FALSE(step);
  CHECK(step.error().code == ErrorCode::io);
  CHECK(step.error().message.find("reader has gone") != std::string::npos);
  sink.give_up();

  Pipe open;
  StdoutSink other(open.writer());
  CHECK(*other.write("y\n", 0) == 2);
}

TEST_CASE("stdout: records of a batch reach standard output in the chosen format") {
  // Standard output is a file meanwhile.
  char path[] = "/tmp/tailrace-stdout-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  std::fflush(stdout);
  const int kept = dup(STDOUT_FILENO);
  REQUIRE(dup2(file, STDOUT_FILENO) >= 0);

  auto config = std::make_shared<StdoutConfig>();
  config->format = TextFormat::json;
  std::optional<Answer> answer;
  {
    OutputBench bench(outputs_stdout_plugin, config);
    bench.append({{"app", "a"}}, {{.body = "one"}, {.body = "two", .timestamp = 1}});
    answer = bench.send(bench.seal().at(0));
  }
  REQUIRE(dup2(kept, STDOUT_FILENO) >= 0);
  close(kept);
  char text[1000];
  const ssize_t size = pread(file, text, sizeof text, 0);
  close(file);
  unlink(path);
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::delivered);
  CHECK(std::string_view(text, static_cast<size_t>(size)) ==
        R"({"timestamp":"1970-01-01T00:00:00Z","labels":{"app":"a"},"line":"one"})"
        "\n"
        R"({"timestamp":"1970-01-01T00:00:00.000000001Z","labels":{"app":"a"},"line":"two"})"
        "\n");
}

TEST_CASE("stdout: options") {
  const auto read = read_config<StdoutConfig>(stdout_schema(), "format: raw");
  CHECK(read.ok());
  CHECK(read.config.format == TextFormat::raw);
  CHECK(read_config<StdoutConfig>(stdout_schema(), "{}").config.format == TextFormat::human);
  CHECK_FALSE(read_config<StdoutConfig>(stdout_schema(), "format: xml").ok());
}
