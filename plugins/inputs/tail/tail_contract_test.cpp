// The component contract, asserted.

#include <filesystem>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/line_plugins.h"
#include "testkit/plugin_harness.h"
#include "testkit/temp_folder.h"

namespace tailrace {
extern const PluginDescriptor inputs_tail_plugin;
}

using tailrace::inputs_tail_plugin;
using tailrace::testkit::EngineBench;
using tailrace::testkit::FakeServer;
using tailrace::testkit::PluginHarness;

namespace {

/// Three containers' files; a record goes to one of them by its number.
class Files {
 public:
  std::string pattern() const { return folder_.path("*.log"); }
  void reset() {
    for (int i = 0; i < 3; ++i) {
      std::filesystem::remove(path(i));
    }
  }
  void write(int first, int count) {
    for (int i = first; i < first + count; ++i) {
      tailrace::testkit::append_lines(
          path(i),
          {fmt::format("2026-01-02T03:04:05.{:09}Z stdout F {}{}", i, i, std::string(300, ' '))});
    }
  }

 private:
  std::string path(int number) const {
    return folder_.path(fmt::format("pod-{}_shop_web.log", number % 3));
  }
  tailrace::testkit::TempFolder folder_;
};

}  // namespace

TEST_CASE("tail: keeps the component contract") {
  Files files;
  const PluginHarness harness(inputs_tail_plugin,
                              fmt::format("include: [\"{}\"]\nformat: cri", files.pattern()));
  harness.check_options();
  tailrace::testkit::InputSubject subject;
  subject.reset = [&] { files.reset(); };
  subject.produce = [&](EngineBench&, int first, int count) { files.write(first, count); };
  subject.taken = [](const FakeServer& server) {
    std::vector<int> numbers;
    for (const std::string& line : tailrace::testkit::taken_lines(server, "http://out/")) {
      numbers.push_back(std::stoi(line));
    }
    return numbers;
  };
  subject.rereadable = true;
  subject.many = 12'000;
  harness.check_input(subject);
}
