#include "benchmarks/micro/sample.h"

#include <random>

#include <fmt/format.h>

namespace tailrace::benchmarks {

std::vector<std::string> sample_lines(size_t count, unsigned json_percent) {
  std::mt19937 random(20260102);
  static constexpr const char* kMessages[] = {"order placed", "cache miss", "slow upstream",
                                              "payment failed", "lease renewed"};
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i) {
    const unsigned n = random();
    const char* message = kMessages[n % 5];
    if (random() % 100 < json_percent) {
      lines.push_back(fmt::format(
          R"({{"level":{},"time":1767322445{:03},"pid":17,"hostname":"shop-{:08x}",)"
          R"("reqId":"{:08x}{:08x}","userId":"u{}","req":{{"method":"GET","url":"/api/items/{}"}},)"
          R"("responseTime":{},"msg":"{}"}})",
          10 * (n % 5 + 1), n % 1000, random(), random(), random(), n % 50000, n % 99999, n % 900,
          message));
    } else if (n % 2 == 0) {
      lines.push_back(fmt::format(
          R"(10.{}.{}.7 - - [02/Jan/2026:03:04:05 +0000] "GET /api/items/{} HTTP/1.1" 200 {} "-" )"
          R"("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")",
          n % 256, random() % 256, random() % 99999, random() % 50000));
    } else {
      lines.push_back(fmt::format(
          R"(I0102 03:04:05.{:06}       1 controller.go:{}] "{}" pod="shop/web-{:08x}")",
          random() % 1'000'000, n % 900, message, random()));
    }
  }
  return lines;
}

SampleBlock::SampleBlock(unsigned json_percent, size_t bytes) {
  const std::vector<std::string> lines = sample_lines(2000, json_percent);
  for (size_t i = 0;; ++i) {
    const std::string line =
        fmt::format("2026-01-02T03:04:{:02}.{:09}Z stdout F {}\n", i / 1000 % 60,
                    i * 250'123 % 999'999'999, lines[i % lines.size()]);
    if (text_.size() + line.size() > bytes) {
      break;
    }
    text_ += line;
    ++lines_;
  }
  size_ = text_.size();
  text_.resize(size_ + kBlockPadding);
}

std::map<std::string, std::string> sample_labels(unsigned pod) {
  return {{"namespace", "shop"},
          {"pod", fmt::format("web-{}", pod)},
          {"container", "app"},
          {"stream", "stdout"}};
}

}  // namespace tailrace::benchmarks
