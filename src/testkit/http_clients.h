#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/http.h"

#include "testkit/engine_bench.h"
#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

/// Clients of an input that receives bodies: each sends one record, and sends it again until it is
/// taken. Record n goes to lane n modulo their number.
class HttpClients {
 public:
  /// `body_of` makes the body with the record of a number; the rest is what a client sends with it.
  HttpClients(std::string path, Headers headers, std::function<std::string(int)> body_of)
      : path_(std::move(path)), headers_(std::move(headers)), body_of_(std::move(body_of)) {}

  /// Makes them the subject's source. They outlive it.
  void serve(InputSubject& subject);

 private:
  void send(EngineBench& bench, int number);

  std::string path_;
  Headers headers_;
  std::function<std::string(int)> body_of_;
  std::map<int, std::shared_ptr<const FakeAnswer>> answers_;
};

/// The numbers in all bodies that the server took, in order, as `numbers_of` reads them.
std::vector<int> taken_numbers(const FakeServer& server,
                               const std::function<std::vector<int>(std::string_view)>& numbers_of);

/// Text that does not compress, so that a few bodies fill an output's memory.
std::string noise(uint32_t seed, size_t size);

}  // namespace tailrace::testkit
