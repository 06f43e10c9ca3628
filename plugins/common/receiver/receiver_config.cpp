#include "plugins/common/receiver/receiver_config.h"

#include "tailrace/labels.h"

namespace tailrace::common::receiver {

void BodyConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (max_decompressed_size && *max_decompressed_size < max_body_size) {
    context.fail(at, "max_decompressed_size is smaller than max_body_size");
  }
}

std::string label_name_complaint(const std::string& name) {
  return name.empty() || is_label_name(name)
             ? std::string()
             : "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
}

}  // namespace tailrace::common::receiver
