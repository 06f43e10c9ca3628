#include "plugins/common/prom/target_groups.h"

#include <utility>

#include <fmt/format.h>

#include "tailrace/arena.h"
#include "tailrace/config_files.h"
#include "tailrace/config_schema.h"

#include "codec/json.h"
#include "codec/utf8.h"
#include "plugins/common/prom/relabel.h"
#include "plugins/common/prom/sd_options.h"

namespace tailrace::common::prom {

namespace {

using codec::JsonType;
using codec::JsonValue;

/// Reads one group; the first thing that is wrong ends it.
class GroupReader {
 public:
  explicit GroupReader(TargetGroup& group) : group_(group) {}

  bool read(JsonValue& value) {
    if (value.type() != JsonType::object) {
      return fail("a group is an object with targets and labels");
    }
    const bool whole = value.each_field([this](std::string_view key, JsonValue& part) {
      if (key == "targets") {
        return part.type() == JsonType::null ? ignore(part) : read_targets(part);
      }
      if (key == "labels") {
        return part.type() == JsonType::null ? ignore(part) : read_labels(part);
      }
      return fail(fmt::format("unknown field \"{}\"", key));
    });
    return wrong_.empty() && (whole || fail("broken JSON"));
  }
  const std::string& wrong() const noexcept { return wrong_; }

 private:
  bool fail(std::string message) {
    if (wrong_.empty()) {
      wrong_ = std::move(message);
    }
    return false;
  }
  bool ignore(JsonValue& value) {
    std::string_view text;
    return value.text(text) || fail("broken JSON");
  }

  bool read_targets(JsonValue& value) {
    const bool whole = value.each_item([this](JsonValue& item) {
      std::string_view text;
      if (item.type() != JsonType::string || !item.text(text)) {
        return fail("targets: expected texts");
      }
      group_.targets.push_back({{"__address__", std::string(text)}});
      return true;
    });
    return wrong_.empty() && (whole || fail("targets: expected a list of texts"));
  }

  bool read_labels(JsonValue& value) {
    const bool whole = value.each_field([this](std::string_view name, JsonValue& part) {
      std::string_view text;
      if (part.type() != JsonType::string || !part.text(text)) {
        return fail(fmt::format("labels: expected text for \"{}\"", name));
      }
      if (!is_label_name(name, NameValidation::utf8)) {
        return fail(fmt::format("\"{}\" is not a valid label name", name));
      }
      group_.labels.emplace_back(name, text);
      return true;
    });
    return wrong_.empty() && (whole || fail("labels: expected an object of texts"));
  }

  TargetGroup& group_;
  std::string wrong_;
};

}  // namespace

Result<std::vector<TargetGroup>> parse_json_groups(std::string_view text) {
  std::vector<TargetGroup> groups;
  if (!codec::valid_utf8(text)) {
    return fail(ErrorCode::invalid, "not UTF-8");
  }
  std::string wrong;
  Arena arena;
  codec::JsonReader reader;
  const bool whole = reader.each_item(text, arena, [&](JsonValue& value) {
    if (value.type() == JsonType::null) {
      wrong = fmt::format("nil target group item found (index {})", groups.size());
      return false;
    }
    GroupReader group(groups.emplace_back());
    if (!group.read(value)) {
      wrong = fmt::format("group {}: {}", groups.size() - 1, group.wrong());
    }
    return wrong.empty();
  });
  if (!wrong.empty()) {
    return fail(ErrorCode::invalid, std::move(wrong));
  }
  if (!whole) {
    return fail(ErrorCode::invalid, "not a JSON list of target groups, or not a whole one");
  }
  return groups;
}

Result<std::vector<TargetGroup>> parse_yaml_groups(std::string_view text) {
  ConfigIssues issues;
  std::vector<TargetGroup> groups;
  const auto root = parse_plain_yaml(text, issues);
  std::vector<StaticGroup> read;
  if (root && root->kind != ConfigValue::Kind::null) {
    ConfigContext context{issues, ""};
    context.as_prometheus = true;
    detail::read_objects(*root, static_group_schema(), context,
                         [&read] { return static_cast<void*>(&read.emplace_back()); });
    for (size_t i = 0; i < root->items.size(); ++i) {
      if (root->items[i].kind == ConfigValue::Kind::null) {
        issues.add(root->items[i].position, "",
                   fmt::format("nil target group item found (index {})", i));
      }
    }
  }
  if (!issues.ok()) {
    const ConfigIssue& first = issues.issues().front();
    return fail(ErrorCode::invalid,
                fmt::format("{}:{} {}{}{}", first.position.line, first.position.column, first.path,
                            first.path.empty() ? "" : ": ", first.message));
  }
  for (StaticGroup& group : read) {
    TargetGroup& out = groups.emplace_back();
    out.labels.assign(group.labels.begin(), group.labels.end());
    for (std::string& target : group.targets) {
      out.targets.push_back({{"__address__", std::move(target)}});
    }
  }
  return groups;
}

}  // namespace tailrace::common::prom
