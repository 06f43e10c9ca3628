#include "plugins/processors/resource/resource_config.h"

#include <algorithm>
#include <string>

namespace tailrace::processors::resource {

namespace {

constexpr const char* kNoName = "an attribute without a name";

std::string nameless_value(const StringMap& texts) {
  return texts.contains("") ? kNoName : "";
}

std::string nameless(const StringList& names) {
  return std::ranges::find(names, "") != names.end() ? kNoName : "";
}

std::string nameless_rename(const StringMap& names) {
  const bool to_none =
      std::ranges::any_of(names, [](const auto& name) { return name.second.empty(); });
  return to_none ? kNoName : nameless_value(names);
}

}  // namespace

void ResourceConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (rename.empty() && drop.empty() && add.empty() && upsert.empty()) {
    context.fail(at, "has nothing to do: it needs rename, drop, add or upsert");
  }
  for (const auto& [name, value] : add) {
    if (upsert.contains(name)) {
      context.fail(at, "\"" + name + "\" is in add and in upsert",
                   "upsert replaces a value that is there, add leaves it");
    }
  }
}

const Schema& resource_schema() {
  static const Schema schema = Schema::of<ResourceConfig>({
      option("rename", &ResourceConfig::rename,
             "Attributes and their new names. One that has the new name already goes.")
          .check<StringMap>(&ResourceConfig::rename, nameless_rename),
      option("drop", &ResourceConfig::drop, "Attributes that go.")
          .check<StringList>(&ResourceConfig::drop, nameless),
      option("add", &ResourceConfig::add, "Texts for attributes that are not there.")
          .check<StringMap>(&ResourceConfig::add, nameless_value),
      option("upsert", &ResourceConfig::upsert,
             "Texts for attributes, whether they are there or not.")
          .check<StringMap>(&ResourceConfig::upsert, nameless_value),
  });
  return schema;
}

}  // namespace tailrace::processors::resource
