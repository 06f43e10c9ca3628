// PluginHarness: the options of a plugin.

#include <algorithm>

#include <doctest/doctest.h>

#include "config/yaml_reader.h"
#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

namespace {

/// Where the options of one schema are written: what stands above them, and what begins the line.
struct Place {
  std::string head;  // whole lines
  std::string lead;  // before the first option; those below it are indented by its length

  Place within(const OptionRow& row) const {
    const std::string deeper(lead.size() + 2, ' ');
    const std::string above = head + lead + row.name + ":\n";
    if (row.type.name == detail::objects_type().name) {
      return {above, deeper + "- "};
    }
    if (row.type.name == detail::object_map_type().name) {
      return {above + deeper + "some_name:\n", deeper + "  "};
    }
    return {above, deeper};
  }
};

std::vector<ConfigIssue> issues_of(const PluginDescriptor& plugin, const std::string& yaml) {
  ConfigIssues issues;
  const auto tree = config::parse_yaml(yaml, issues);
  ConfigContext context{issues, ""};
  const auto config = plugin.new_config();
  if (tree) {
    plugin.schema().read(*tree, config.get(), context);
  }
  return issues.issues();
}

/// The text has exactly one line with the option, the last one: is it complained of at `column`?
void check_refused(const PluginDescriptor& plugin, const std::string& yaml, size_t column,
                   const std::string& name, std::string_view message) {
  const int line = static_cast<int>(std::ranges::count(yaml, '\n'));
  const auto issues = issues_of(plugin, yaml);
  const bool found = std::ranges::any_of(issues, [&](const ConfigIssue& issue) {
    return issue.position.line == line && issue.position.column == static_cast<int>(column) &&
           issue.path.find(name) != std::string::npos &&
           issue.message.find(message) != std::string::npos;
  });
  std::string seen;
  for (const ConfigIssue& issue : issues) {
    seen += "\n  " + config::to_line("", issue);
  }
  INFO("config:\n"
       << yaml << "expected a complaint at " << line << ":" << column << ", got:" << seen);
  CHECK(found);
}

/// Values beyond the range, made from its text "low … high".
std::vector<std::string> beyond(const OptionRow& row) {
  const std::string separator = " … ";
  const size_t at = row.range_text.find(separator);
  const std::string low = row.range_text.substr(0, at);
  const std::string high = row.range_text.substr(at + separator.size());
  std::vector<std::string> values = {"9" + high};
  if (low.find_first_of("123456789") != std::string::npos) {
    values.push_back("0" + low.substr(low.find_first_not_of("0123456789.") == std::string::npos
                                          ? low.size()
                                          : low.find_first_not_of("0123456789.")));
  }
  return values;
}

/// A value of a kind that the option cannot be; "" = it takes anything.
std::string of_wrong_kind(const OptionRow& row) {
  const std::string& type = row.type.name;
  if (type == OptionCodec<ConfigValue>::type().name) {
    return "";
  }
  if (type == OptionCodec<StringList>::type().name || type == detail::objects_type().name) {
    return "{a: {b: c}}";
  }
  if (row.nested != nullptr || type == OptionCodec<StringMap>::type().name ||
      type == OptionCodec<StringListMap>::type().name) {
    return "just_text";
  }
  return "{a: b}";
}

void check_schema(const PluginDescriptor& plugin, const Schema& schema, const Place& place) {
  if (!schema.rows().empty()) {
    check_refused(plugin, place.head + place.lead + "no_such_option: 1\n", place.lead.size() + 1,
                  "no_such_option", "unknown");
  }
  for (const OptionRow& row : schema.rows()) {
    INFO("option " << row.name);
    CHECK(!row.doc.empty());
    CHECK(row.doc.ends_with('.'));
    const std::string start = place.head + place.lead + row.name + ": ";
    const size_t column = place.lead.size() + row.name.size() + 3;
    if (const std::string wrong = of_wrong_kind(row); !wrong.empty()) {
      check_refused(plugin, start + wrong + "\n", column, row.name, "");
    }
    if (!row.range_text.empty()) {
      for (const std::string& value : beyond(row)) {
        check_refused(plugin, start + value + "\n", column, row.name, "");
      }
    }
    if (row.is_required) {
      // An option that nobody knows stands where it should.
      const auto issues = issues_of(plugin, place.head + place.lead + "no_such_option: 1\n");
      const bool missed = std::ranges::any_of(issues, [&](const ConfigIssue& issue) {
        return issue.path.ends_with(row.name) && issue.position.line >= 1 &&
               issue.position.column >= 1 && issue.message.find("required") != std::string::npos;
      });
      CHECK(missed);
    }
    if (row.nested != nullptr) {
      check_schema(plugin, *row.nested, place.within(row));
    }
  }
}

}  // namespace

std::shared_ptr<void> PluginHarness::config() const {
  ConfigIssues issues;
  const auto tree = config::parse_yaml(options_.empty() ? "{}" : options_, issues);
  REQUIRE(tree);
  ConfigContext context{issues, ""};
  auto config = plugin_.new_config();
  if (plugin_.schema().read(*tree, config.get(), context) && plugin_.validate != nullptr) {
    plugin_.validate(config.get(), *tree, context);
  }
  for (const ConfigIssue& issue : issues.issues()) {
    FAIL_CHECK(config::to_line("options", issue));
  }
  REQUIRE(issues.ok());
  return config;
}

void PluginHarness::check_options() const {
  CHECK(!plugin_.name.empty());
  CHECK(plugin_.summary.ends_with('.'));
  CHECK(!plugin_.signals.empty());
  CHECK(config() != nullptr);
  check_schema(plugin_, plugin_.schema(), Place{});
}

}  // namespace tailrace::testkit
