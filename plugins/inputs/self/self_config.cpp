#include "plugins/inputs/self/self_config.h"

#include "tailrace/labels.h"

#include "codec/utf8.h"

namespace tailrace::inputs::self {

namespace {

std::string labels_complaint(const StringMap& labels) {
  for (const auto& [name, value] : labels) {
    if (name.empty() || !is_label_name(name)) {
      return "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
    }
    if (name == "__name__" || name == "le" || name == "job" || name == "instance") {
      return name == "job" || name == "instance" ? "use the option " + name
                                                 : name + " is taken by the metrics themselves";
    }
    if (value.empty() || !codec::valid_utf8(value)) {
      return "the value of " + name + " is empty or not UTF-8";
    }
  }
  return {};
}

std::string text_complaint(const std::string& text) {
  return codec::valid_utf8(text) ? std::string() : "not UTF-8";
}

}  // namespace

const Schema& self_schema() {
  using C = SelfConfig;
  static const Schema schema = Schema::of<C>({
      option("interval", &C::interval, "Time between two readings.").range("100ms", "1h"),
      option("job", &C::job, "Value of the label `job`; empty: no such label.")
          .check<std::string>(&C::job, text_complaint),
      option("instance", &C::instance, "Value of the label `instance`.")
          .default_shown("the host's name")
          .check<std::string>(&C::instance, text_complaint),
      option("labels", &C::labels, "Further labels of all series.")
          .check<StringMap>(&C::labels, labels_complaint),
  });
  return schema;
}

}  // namespace tailrace::inputs::self
