#include "cli/commands.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "cli/plugin_table.h"
#include "cli/write_docs.h"
#include "config/agent_schema.h"
#include "config/fake_plugins_test.h"
#include "config/json_schema.h"
#include "config/yaml_reader.h"

namespace tailrace::cli {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/tailrace_test_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    const fs::path path = path_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path_ / name).rdbuf();
    return text.str();
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

constexpr const char* kMarks = "# A page\n<!-- options -->\n<!-- /options -->\nthe rest\n";
constexpr const char* kSharedMarks =
    "<!-- options agent -->\n<!-- /options -->\n"
    "<!-- options pipeline -->\n<!-- /options -->\n"
    "<!-- options output -->\n<!-- /options -->\n";

void write_pages(const TemporaryFolder& folder) {
  folder.write("conf/README.md", kSharedMarks);
  for (const PluginDescriptor* plugin : config::fakes::table()) {
    folder.write(std::string("plugins/") + to_string(plugin->kind) + "s/" +
                     std::string(plugin->name) + "/README.md",
                 kMarks);
  }
}

/// Every option has a sentence, and a name in snake_case.
void check_rows(const Schema& schema, const std::string& where) {
  for (const auto& row : schema.rows()) {
    CHECK_MESSAGE(row.doc.ends_with('.'), (where + "." + row.name));
    CHECK_MESSAGE(
        row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos,
        (where + "." + row.name));
    if (row.nested != nullptr) {
      check_rows(*row.nested, where + "." + row.name);
    }
  }
}

}  // namespace

TEST_CASE("check: a good configuration is summed up, a warning does not spoil it") {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.yaml",
                                        "agent: {memory_limit: 64MiB}\n"
                                        "inputs: {f: {type: files, include: /a}}\n"
                                        "processors: {p: {type: parse}, q: {type: parse}}\n"
                                        "outputs: {s: {type: sink, url: u}}\n"
                                        "pipelines: {x: {inputs: f, processors: p, outputs: s}}\n");
  std::ostringstream out;
  std::ostringstream err;
  CHECK(check(path, config::fakes::table(), out, err) == kOk);
  CHECK(out.str() == path +
                         ": ok\n"
                         "  1 input, 2 processors, 1 output; state in /var/lib/tailrace; memory "
                         "limit 64MiB\n"
                         "  pipeline x (logs): f -> p -> s\n");
  CHECK(err.str() ==
        path + ":3:32 warning: processors.q: is in no pipeline and will not be started\n");
}

TEST_CASE("check: a broken one tells all errors, and 2") {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.yaml", "inputs: {f: {type: fils}}\npipelines: 5\n");
  std::ostringstream out;
  std::ostringstream err;
  CHECK(check(path, config::fakes::table(), out, err) == kBadConfig);
  CHECK(out.str().empty());
  CHECK(err.str() ==
        path +
            ":1:20 inputs.f.type: expected the type of an input, got \"fils\"; did you "
            "mean \"files\"?\n" +
            path + ":2:12 pipelines: expected a map of names to pipelines, got \"5\"\n" + path +
            ": 2 errors\n");
  CHECK(check(folder.path() + "/none.yaml", config::fakes::table(), out, err) == kBadConfig);
}

TEST_CASE("docs --write: fills the marked parts, says which pages changed, and is stable") {
  const TemporaryFolder folder;
  write_pages(folder);
  std::ostringstream out;
  std::ostringstream err;
  CHECK(write_docs(folder.path(), DocsMode::check, config::fakes::table(), out, err) == kFailed);
  CHECK(folder.read("conf/README.md") == kSharedMarks);
  CHECK(write_docs(folder.path(), DocsMode::write, config::fakes::table(), out, err) == kOk);
  const std::string page = folder.read("plugins/outputs/sink/README.md");
  CHECK(page.find("| `timeout` | duration, 1ms … 10m | `10s` | Longest wait. |") !=
        std::string::npos);
  CHECK(page.ends_with("<!-- /options -->\nthe rest\n"));
  CHECK(folder.read("conf/README.md").find("| `buffer.memory` |") != std::string::npos);
  std::ostringstream nothing;
  CHECK(write_docs(folder.path(), DocsMode::check, config::fakes::table(), nothing, nothing) ==
        kOk);
  CHECK(write_docs(folder.path(), DocsMode::write, config::fakes::table(), nothing, nothing) ==
        kOk);
  CHECK(nothing.str().empty());
}

TEST_CASE("docs --write: a page without marks, or none at all, is an error") {
  const TemporaryFolder folder;
  write_pages(folder);
  folder.write("plugins/outputs/sink/README.md", "# No marks\n");
  fs::remove(folder.path() + "/plugins/inputs/hub/README.md");
  std::ostringstream out;
  std::ostringstream err;
  CHECK(write_docs(folder.path(), DocsMode::write, config::fakes::table(), out, err) == kFailed);
  CHECK(err.str().find("outputs/sink/README.md: there are no lines <!-- options -->") !=
        std::string::npos);
  CHECK(err.str().find("inputs/hub/README.md: cannot be read: No such file") != std::string::npos);
}

TEST_CASE("version: names every plugin") {
  std::ostringstream out;
  CHECK(version(config::fakes::table(), out) == kOk);
  CHECK(out.str().starts_with("tailrace "));
  for (const PluginDescriptor* plugin : config::fakes::table()) {
    CHECK(out.str().find(plugin->name) != std::string::npos);
  }
}

TEST_CASE("Plugin table: every plugin is described, and its options hide none of the engine's") {
  std::set<std::string> shared = {"type"};
  for (const auto& row : config::output_engine_schema().rows()) {
    shared.insert(row.name);
  }
  std::set<std::string> seen;
  for (const PluginDescriptor* plugin : plugin_table()) {
    const std::string name = to_string(plugin->kind) + (" " + std::string(plugin->name));
    CHECK_MESSAGE(seen.insert(name).second, name);
    CHECK_MESSAGE(plugin->summary.ends_with('.'), name);
    CHECK_MESSAGE(!plugin->signals.empty(), name);
    check_rows(plugin->schema(), name);
    std::set<std::string> own;
    for (const auto& row : plugin->schema().rows()) {
      CHECK_MESSAGE(own.insert(row.name).second, (name + "." + row.name));
      CHECK_MESSAGE(!shared.contains(row.name), (name + "." + row.name));
    }
  }
  ConfigIssues issues;
  CHECK(config::parse_yaml(config::json_schema(plugin_table()), issues));
  CHECK(issues.ok());
}

}  // namespace tailrace::cli
