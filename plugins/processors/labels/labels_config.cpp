#include "plugins/processors/labels/labels_config.h"

#include "tailrace/labels.h"
#include "tailrace/regex.h"

namespace tailrace::processors::labels {

namespace {

std::string name_complaint(std::string_view name) {
  return is_label_name(name) ? std::string()
                             : "\"" + std::string(name) +
                                   "\" is not a label name (letters, digits and _, no digit first)";
}

std::string keys_complaint(const StringMap& map) {
  for (const auto& [name, value] : map) {
    if (std::string complaint = name_complaint(name); !complaint.empty()) {
      return complaint;
    }
  }
  return {};
}

std::string values_complaint(const StringMap& map) {
  for (const auto& [name, value] : map) {
    if (std::string complaint = name_complaint(value); !complaint.empty()) {
      return complaint;
    }
  }
  return {};
}

std::string extract_complaint(const std::string& pattern) {
  const auto regex = Regex::compile(pattern);
  if (!regex) {
    return regex.error().message;
  }
  bool any = false;
  for (const std::string& name : regex->group_names()) {
    if (!name.empty()) {
      any = true;
      if (std::string complaint = name_complaint(name); !complaint.empty()) {
        return complaint;
      }
    }
  }
  return any ? std::string()
             : "has no named group: write (?P<name>…) around what becomes the label `name`";
}

const Schema& extract_schema() {
  static const Schema schema = Schema::of<ExtractConfig>({
      option("from", &ExtractConfig::from, "The label to look at.").required(),
      option("regex", &ExtractConfig::regex,
             "RE2 pattern that is searched for in its value; what the named groups match becomes "
             "labels of these names.")
          .required()
          .check<std::string>(&ExtractConfig::regex, extract_complaint),
  });
  return schema;
}

}  // namespace

void LabelsConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (from_path.empty() && extract.empty() && rename.empty() && drop.empty() && keep.empty() &&
      add.empty()) {
    context.fail(at, "has nothing to do", "write one of: add, rename, drop, keep, extract");
  }
}

const Schema& labels_schema() {
  static const Schema schema = Schema::of<LabelsConfig>({
      option("from_path", &LabelsConfig::from_path,
             "A label whose value is the path of a container's log on a node; `namespace`, `pod` "
             "and `container` are read from it."),
      objects("extract", &LabelsConfig::extract, "Makes labels from parts of another one.",
              extract_schema()),
      option("rename", &LabelsConfig::rename,
             "Old names and their new ones. A label that has the new name already is replaced.")
          .check<StringMap>(&LabelsConfig::rename, values_complaint),
      option("drop", &LabelsConfig::drop, "Names of labels that go."),
      option("keep", &LabelsConfig::keep, "If written, all labels but these go."),
      option("add", &LabelsConfig::add, "Labels with fixed values; one of that name is replaced.")
          .check<StringMap>(&LabelsConfig::add, keys_complaint),
  });
  return schema;
}

}  // namespace tailrace::processors::labels
