#include "config/yaml_reader.h"

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "tailrace/config_files.h"

#include "config/references.h"

namespace tailrace::config {
namespace {

// Aliases of aliases can make a small file expand without bound; no real configuration comes near.
constexpr size_t kMaxNodes = 200'000;
// A file of generated targets may be larger.
constexpr size_t kMaxPlainNodes = 2'000'000;

/// Thrown to end the parse early; what is wrong was reported before.
struct GaveUp {};

ConfigPosition position_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

size_t count_nodes(const ConfigValue& value) {
  size_t count = 1;
  for (const auto& item : value.items) {
    count += count_nodes(item);
  }
  for (const auto& member : value.members) {
    count += count_nodes(member.value);
  }
  return count;
}

/// Builds the tree from yaml-cpp's events. Its own node tree would do, but for repeated keys and
/// for the places of keys.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(ConfigIssues& issues, bool references)
      : issues_(issues),
        references_(references),
        max_nodes_(references ? kMaxNodes : kMaxPlainNodes) {}

  std::optional<ConfigValue> take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    ConfigValue value;
    value.position = position_of(mark);
    finish(std::move(value), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      issues_.add(position_of(mark), path(), "the anchor is used inside of itself");
      throw GaveUp{};
    }
    nodes_ += count_nodes(found->second);
    finish(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    ConfigValue value;
    value.kind = ConfigValue::Kind::scalar;
    value.position = position_of(mark);
    value.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!value.quoted && tag != "?") {
      refuse_tag(mark, tag);
    }
    if (expects_key() || !references_) {
      value.scalar = text;
    } else {
      fill_references(text, path(), value, issues_);
    }
    finish(std::move(value), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (!tag.empty() && tag != "?") {
      refuse_tag(mark, tag);
    }
    open(ConfigValue::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (!tag.empty() && tag != "?") {
      refuse_tag(mark, tag);
    }
    open(ConfigValue::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    ConfigValue value;  // the list or map being filled
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // of a map: a key was read, its value comes next
    bool is_merge = false;
    std::string key;
    ConfigPosition key_position;
    std::set<std::string> seen;
    std::vector<ConfigValue> merged;  // maps of `<<`, in order of precedence
  };

  bool expects_key() const {
    return !stack_.empty() && stack_.back().value.kind == ConfigValue::Kind::map &&
           !stack_.back().has_key;
  }

  std::string path() const {
    std::string text;
    for (const auto& frame : stack_) {
      if (frame.value.kind == ConfigValue::Kind::list) {
        text += fmt::format("[{}]", frame.value.items.size());
      } else if (frame.has_key) {
        text += (text.empty() ? "" : ".") + frame.key;
      }
    }
    return text;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    issues_.add(position_of(mark), path(), fmt::format("YAML tags are not supported, got {}", tag));
  }

  void open(ConfigValue::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (expects_key()) {
      issues_.add(position_of(mark), path(), "a key must be text");
      throw GaveUp{};
    }
    Frame frame;
    frame.value.kind = kind;
    frame.value.position = position_of(mark);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    for (auto& map : frame.merged) {
      for (auto& member : map.members) {
        if (frame.seen.insert(member.key).second) {
          frame.value.members.push_back(std::move(member));
        }
      }
    }
    finish(std::move(frame.value), frame.anchor);
  }

  /// A node is whole: remember it under its anchor, and hand it to what it stands in.
  void finish(ConfigValue value, YAML::anchor_t anchor) {
    if (++nodes_ > max_nodes_) {
      issues_.add(value.position, path(), "the configuration is too large",
                  "aliases that contain aliases multiply");
      throw GaveUp{};
    }
    if (anchor != 0) {
      anchors_[anchor] = value;
    }
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.value.kind == ConfigValue::Kind::list) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.has_key) {
      take_key(parent, value);
    } else {
      take_member(parent, std::move(value));
    }
  }

  void take_key(Frame& parent, const ConfigValue& key) {
    if (key.kind != ConfigValue::Kind::scalar) {
      issues_.add(key.position, path(), "a key must be text");
      throw GaveUp{};
    }
    parent.has_key = true;
    parent.is_merge = key.scalar == "<<" && !key.quoted;
    parent.key = key.scalar;
    parent.key_position = key.position;
  }

  void take_member(Frame& parent, ConfigValue value) {
    if (value.kind == ConfigValue::Kind::null && value.position.line != parent.key_position.line) {
      value.position = parent.key_position;  // yaml-cpp gives the place of whatever comes next
    }
    if (parent.is_merge) {
      take_merge(parent, std::move(value));
    } else if (!parent.seen.insert(parent.key).second) {
      for (const auto& member : parent.value.members) {
        if (member.key == parent.key) {
          issues_.add(parent.key_position, path(), "this key is given twice",
                      fmt::format("the first is on line {}", member.key_position.line));
        }
      }
    } else {
      parent.value.members.push_back({parent.key, parent.key_position, std::move(value)});
    }
    parent.has_key = false;
  }

  void take_merge(Frame& parent, ConfigValue value) {
    if (value.kind == ConfigValue::Kind::map) {
      parent.merged.push_back(std::move(value));
      return;
    }
    bool all_maps = value.kind == ConfigValue::Kind::list;
    for (const auto& item : value.items) {
      all_maps = all_maps && item.kind == ConfigValue::Kind::map;
    }
    if (!all_maps) {
      issues_.add(value.position, path(), "<< takes a map or a list of maps",
                  "such as `<<: *defaults`");
      return;
    }
    for (auto& item : value.items) {
      parent.merged.push_back(std::move(item));
    }
  }

  ConfigIssues& issues_;
  const bool references_;  // fill in ${env:…} and ${file:…}
  const size_t max_nodes_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, ConfigValue> anchors_;
  std::optional<ConfigValue> root_;
  size_t nodes_ = 0;
};

std::string_view line_at(std::string_view text, int line) {
  for (int skipped = 0; skipped < line; ++skipped) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

/// What most often leads to a syntax error on this line, where it can be told.
std::string syntax_hint(std::string_view line) {
  const std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos) {
    return "indent with spaces, not with tabs";
  }
  const size_t brace = line.find('{');
  const size_t reference = line.find("${");
  if (reference != std::string_view::npos && brace < reference) {
    return "within {…} put a ${…} in quotes";
  }
  return {};
}

std::optional<ConfigValue> parse(std::string_view text, bool references, ConfigIssues& issues) {
  TreeBuilder builder(issues, references);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      if (!references) {
        return ConfigValue();
      }
      issues.add({1, 1}, "", "the configuration is empty");
      return std::nullopt;
    }
    auto root = builder.take_root();
    TreeBuilder second(issues, references);
    if (parser && parser.HandleNextDocument(second)) {
      const auto extra = second.take_root();
      issues.add(extra ? extra->position : ConfigPosition{}, "",
                 "a configuration is one YAML document, and here begins a second one");
    }
    return root;
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    issues.add(known ? position_of(error.mark) : ConfigPosition{}, "",
               fmt::format("not valid YAML: {}", error.msg),
               known ? syntax_hint(line_at(text, error.mark.line)) : std::string());
  } catch (const GaveUp&) {
    // Reported where it happened.
  }
  return std::nullopt;
}

}  // namespace

std::optional<ConfigValue> parse_yaml(std::string_view text, ConfigIssues& issues) {
  return parse(text, true, issues);
}

}  // namespace tailrace::config

namespace tailrace {

std::optional<ConfigValue> parse_plain_yaml(std::string_view text, ConfigIssues& issues) {
  return config::parse(text, false, issues);
}

}  // namespace tailrace
