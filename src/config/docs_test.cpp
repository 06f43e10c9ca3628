#include "config/docs.h"

#include <string>

#include <doctest/doctest.h>

#include "config/agent_schema.h"
#include "config/fake_plugins_test.h"
#include "config/json_schema.h"
#include "config/yaml_reader.h"

namespace tailrace::config {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// What stands at a path of keys and list indices; JSON is YAML, so our own reader reads it.
const ConfigValue* walk(const ConfigValue& root, std::initializer_list<const char*> path) {
  const ConfigValue* at = &root;
  for (const char* key : path) {
    at = at != nullptr ? at->find(key) : nullptr;
  }
  return at;
}

/// Every row of a schema has its sentence; a nested one too.
void check_sentences(const Schema& schema, const std::string& where) {
  for (const auto& row : schema.rows()) {
    CHECK_MESSAGE(row.doc.ends_with('.'), (where + "." + row.name));
    if (row.nested != nullptr) {
      check_sentences(*row.nested, where + "." + row.name);
    }
  }
}

}  // namespace

TEST_CASE("Docs: one row per option, nested ones with dotted names") {
  CHECK(options_table(fakes::sink_schema()) ==
        "| option | type | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `url` | text | **required** | Where to send. |\n"
        "| `timeout` | duration, 1ms … 10m | `10s` | Longest wait. |\n"
        "| `token` | secret |  | Proves who we are. |\n"
        "| `mode` | one of `fast`, `safe` | `fast` | How. |\n"
        "| `verify` | true or false | `true` | Whether to look at certificates. |\n"
        "| `labels` | map of texts |  | Added to all. |\n"
        "| `pause` | duration |  | Between requests. |\n"
        "| `rules` | list of objects |  | In order. |\n"
        "| `rules[].label` | text | **required** | Of what. |\n"
        "| `rules[].share` | number, 0 … 1 | `1` | How much. |\n"
        "| `routes` | map of objects |  | By name. |\n"
        "| `routes.<name>.label` | text | **required** | Of what. |\n"
        "| `routes.<name>.share` | number, 0 … 1 | `1` | How much. |\n");
  CHECK(options_table(Schema()) == "It has no options.\n");
}

TEST_CASE("Docs: the sections that are no plugin's") {
  const auto sections = shared_sections();
  REQUIRE(sections.size() == 3);
  CHECK(
      contains(sections[0].table,
               "| `memory_limit` | size, 16MiB … 1TiB | 90 % of the cgroup's limit, 256MiB without "
               "one |"));
  CHECK(contains(sections[0].table, "| `admin.listen` | text | `0.0.0.0:2020` |"));
  CHECK(contains(sections[2].table, "| `buffer.memory` | size, 64KiB … 64GiB | `16MiB` |"));
  CHECK(contains(sections[2].table, "| `retry.max_backoff` | duration, 1ms … 1h | `30s` |"));
  for (const Schema* schema : {&agent_schema(), &pipeline_schema(), &output_engine_schema()}) {
    check_sentences(*schema, "");
  }
}

TEST_CASE("Docs: the whole reference names every plugin") {
  const std::string page = reference(fakes::table());
  for (const PluginDescriptor* plugin : fakes::table()) {
    CHECK(contains(page, "`" + std::string(plugin->name) + "`\n\nA fake.\n"));
  }
  CHECK(contains(page, "\n## Input `files`\n"));
  CHECK(contains(page, "\n## Processor `parse`\n"));
}

TEST_CASE("Docs: a marked part of a page is replaced, and nothing else") {
  const std::string page = "# Sink\n\n<!-- options -->\nold\n<!-- /options -->\nrest\n";
  CHECK(*replace_marked(page, "", "new\n") ==
        "# Sink\n\n<!-- options -->\nnew\n<!-- /options -->\nrest\n");
  CHECK(*replace_marked(*replace_marked(page, "", "new\n"), "", "old\n") == page);
  const std::string two =
      "<!-- options a -->\n<!-- /options -->\n<!-- options b -->\n<!-- /options -->\n";
  CHECK(*replace_marked(two, "b", "x\n") ==
        "<!-- options a -->\n<!-- /options -->\n<!-- options b -->\nx\n<!-- /options -->\n");
  const auto missing = replace_marked("# Sink\n", "", "new\n");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::not_found);
  CHECK_FALSE(replace_marked("<!-- options -->\nno end\n", "", "new\n"));
}

TEST_CASE("JSON Schema: valid JSON that knows every type and option") {
  const std::string text = json_schema(fakes::table());
  ConfigIssues issues;
  const auto root = parse_yaml(text, issues);
  REQUIRE(issues.ok());
  REQUIRE(root);
  CHECK(root->find("$schema")->scalar == "https://json-schema.org/draft/2020-12/schema");
  const ConfigValue* sink = walk(*root, {"$defs", "output_sink"});
  REQUIRE(sink != nullptr);
  CHECK(walk(*sink, {"additionalProperties"})->scalar == "false");
  CHECK(walk(*sink, {"required"})->items[0].scalar == "url");
  CHECK(walk(*sink, {"properties", "timeout", "description"})->scalar ==
        "Longest wait. Range: 1ms … 10m. Default: 10s.");
  CHECK(walk(*sink, {"properties", "rules", "items", "properties", "share"}) != nullptr);
  CHECK(walk(*sink, {"properties", "routes", "additionalProperties", "required"}) != nullptr);
  CHECK(walk(*sink, {"properties", "buffer"}) != nullptr);  // what all outputs share
  CHECK(walk(*root, {"$defs", "input_files", "properties", "buffer"}) == nullptr);
  const ConfigValue* rules = walk(*root, {"properties", "inputs", "additionalProperties", "allOf"});
  REQUIRE(rules != nullptr);
  CHECK(rules->items.size() == 3);
  CHECK(walk(rules->items[0], {"then", "$ref"})->scalar == "#/$defs/input_files");
  CHECK(walk(*root, {"$defs", "reference", "pattern"})->scalar == "\\$\\{(env|file):[^}]+\\}");
}

}  // namespace tailrace::config
