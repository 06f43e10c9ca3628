#include "plugins/processors/resource/resource_config.h"

namespace tailrace::processors::resource {

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
             "Attributes and their new names. One that has the new name already goes."),
      option("drop", &ResourceConfig::drop, "Attributes that go."),
      option("add", &ResourceConfig::add, "Texts for attributes that are not there."),
      option("upsert", &ResourceConfig::upsert,
             "Texts for attributes, whether they are there or not."),
  });
  return schema;
}

}  // namespace tailrace::processors::resource
