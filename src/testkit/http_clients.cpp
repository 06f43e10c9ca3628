#include "testkit/http_clients.h"

#include <random>

namespace tailrace::testkit {

void HttpClients::serve(InputSubject& subject) {
  subject.reset = [this] { answers_.clear(); };
  subject.produce = [this](EngineBench& bench, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      send(bench, i);
    }
  };
  subject.poke = [this](EngineBench& bench) {
    for (const auto& [number, answer] : answers_) {
      if (answer->status == 429 || answer->status == 503) {
        send(bench, number);
      }
    }
  };
  subject.acknowledged = [this] {
    std::vector<int> numbers;
    for (const auto& [number, answer] : answers_) {
      if (answer->status / 100 == 2) {
        numbers.push_back(number);
      }
    }
    return numbers;
  };
}

void HttpClients::send(EngineBench& bench, int number) {
  const auto lanes = static_cast<int>(bench.engine().shared().lane_count);
  answers_[number] = bench.net().listeners().post(path_, body_of_(number), headers_,
                                                  static_cast<uint32_t>(number % lanes));
}

std::vector<int> taken_numbers(
    const FakeServer& server, const std::function<std::vector<int>(std::string_view)>& numbers_of) {
  std::vector<int> numbers;
  for (const auto& seen : server.seen) {
    if (seen.answered / 100 == 2) {
      const auto more = numbers_of(seen.body);
      numbers.insert(numbers.end(), more.begin(), more.end());
    }
  }
  return numbers;
}

std::string noise(uint32_t seed, size_t size) {
  std::mt19937 random(seed);
  std::string text(size, ' ');
  for (char& c : text) {
    c = static_cast<char>('!' + random() % 90);
  }
  return text;
}

}  // namespace tailrace::testkit
