#include "plugins/outputs/file/file.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "testkit/config_text.h"
#include "testkit/output_bench.h"
#include "testkit/processor_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_file_plugin;
}

using namespace tailrace;
using namespace tailrace::outputs::file;
using tailrace::testkit::counter_value;
using tailrace::testkit::OutputBench;
using tailrace::testkit::read_config;
namespace fs = std::filesystem;

namespace {

struct Subject {
  explicit Subject(const std::string& options = "") {
    std::string name = (fs::temp_directory_path() / "tailrace-file-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    path = folder + "/out.log";
    auto read = read_config<FileConfig>(file_schema(), "path: " + path + "\n" + options);
    REQUIRE(read.ok());
    bench = std::make_unique<OutputBench>(outputs_file_plugin,
                                          std::make_shared<FileConfig>(read.config));
  }
  ~Subject() { fs::remove_all(folder); }

  Answer send(std::vector<testkit::LogRecord> records) {
    bench->append({{"app", "a"}}, std::move(records));
    auto sealed = bench->seal();
    REQUIRE(sealed.size() == 1);
    const auto answer = bench->send(sealed[0]);
    REQUIRE(answer);
    return *answer;
  }
  std::string content() const {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder;
  std::string path;
  std::unique_ptr<OutputBench> bench;
};

}  // namespace

TEST_CASE("file output: lines as they are, or JSON with everything") {
  Subject raw;
  CHECK(raw.send({{.body = "one"}, {.body = "two"}}).kind == Answer::Kind::delivered);
  CHECK(raw.content() == "one\ntwo\n");

  Subject json("format: json\n");
  CHECK(json.send({{.body = "one", .metadata = {{"k", "v"}}}}).kind == Answer::Kind::delivered);
  CHECK(json.content() == R"({"timestamp":"1970-01-01T00:00:00Z","labels":{"app":"a"},)"
                          R"("metadata":{"k":"v"},"line":"one"})"
                          "\n");
}

TEST_CASE("file output: a failure is tried again, and nothing is lost or doubled") {
  Subject subject;
  fs::create_directories(subject.path);  // a folder is in the way
  subject.bench->append({}, {{.body = "line"}});
  const auto request = std::move(subject.bench->seal()[0]);
  auto answer = subject.bench->send(request);
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::retry);
  CHECK(answer->detail.find(subject.path) != std::string::npos);
  CHECK_FALSE(answer->reason.empty());
  fs::remove_all(subject.path);
  answer = subject.bench->send(request, 1);
  REQUIRE(answer);
  CHECK(answer->kind == Answer::Kind::delivered);
  CHECK(subject.content() == "line\n");
}

TEST_CASE("file output: rotations and torn tails are counted") {
  Subject subject("max_size: 4KiB\nmax_files: 2\n");
  for (int i = 0; i < 5; ++i) {
    subject.send({{.body = std::string(3000, 'x')}});
  }
  CHECK(counter_value(subject.bench->registry(), "file_rotations_total") == 4);
  CHECK(fs::exists(subject.path + ".2"));
  CHECK_FALSE(fs::exists(subject.path + ".3"));
  std::ofstream(subject.path, std::ios::app) << "half";
  subject.send({{.body = "y"}});
  CHECK(counter_value(subject.bench->registry(), "file_torn_tails_total") == 1);
}

TEST_CASE("file output: options") {
  const auto read = [](const char* yaml) { return read_config<FileConfig>(file_schema(), yaml); };
  CHECK(read("path: /x/y.log").ok());
  CHECK_FALSE(read("{}").ok());
  CHECK_FALSE(read("path: /x/").ok());
  CHECK_FALSE(read("{path: /x, format: xml}").ok());
  CHECK_FALSE(read("{path: /x, max_size: 1KiB}").ok());
  CHECK_FALSE(read("{path: /x, max_files: 0}").ok());
  const auto all = read("{path: /x, format: human, max_size: 1GiB, max_files: 9, sync: false}");
  REQUIRE(all.ok());
  CHECK(all.config.max_size.bytes == uint64_t{1} << 30);
  CHECK(all.config.max_files == 9);
  CHECK_FALSE(all.config.sync);
}
