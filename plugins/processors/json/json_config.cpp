#include "plugins/processors/json/json_config.h"

#include <algorithm>

#include "tailrace/labels.h"

#include "plugins/common/loki/label_text.h"
#include "plugins/processors/json/field_tree.h"

namespace tailrace::processors::json {

namespace {

std::string paths_complaint(const StringList& paths) {
  for (const std::string& path : paths) {
    if (std::string complaint = path_complaint(path); !complaint.empty()) {
      return "\"" + path + "\": " + complaint;
    }
  }
  return {};
}

/// Of names, and the fields that they get their values from.
template <class NameComplaint>
std::string fields_complaint(const StringMap& fields, const NameComplaint& name_complaint) {
  for (const auto& [name, path] : fields) {
    if (std::string complaint = name.empty() ? "a name is empty" : name_complaint(name);
        !complaint.empty()) {
      return complaint;
    }
    if (std::string complaint = path_complaint(path); !complaint.empty()) {
      return name + ": " + complaint;
    }
  }
  return {};
}

std::string metadata_name_complaint(const std::string& name) {
  return name.empty() || loki::is_metadata_name(name)
             ? std::string()
             : "\"" + name + "\" has no ASCII letter or digit, and Loki takes no such name";
}

std::string metadata_complaint(const StringMap& fields) {
  return fields_complaint(fields, metadata_name_complaint);
}

std::string label_complaint(const std::string& name) {
  return name.empty() || is_label_name(name)
             ? std::string()
             : "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
}

std::string labels_complaint(const StringMap& fields) {
  return fields_complaint(fields, label_complaint);
}

const Schema& timestamp_schema() {
  static const Schema schema = Schema::of<TimestampConfig>({
      option("field", &TimestampConfig::field, "The field that holds the time.")
          .required()
          .check<std::string>(&TimestampConfig::field,
                              [](const std::string& path) { return path_complaint(path); }),
      choice("format", &TimestampConfig::format,
             "How it is written; auto: RFC 3339, or a number whose magnitude tells the unit.",
             {{"auto", TimeFormat::automatic},
              {"rfc3339", TimeFormat::rfc3339},
              {"unix", TimeFormat::unix_s},
              {"unix_ms", TimeFormat::unix_ms},
              {"unix_us", TimeFormat::unix_us},
              {"unix_ns", TimeFormat::unix_ns}}),
  });
  return schema;
}

const Schema& severity_schema() {
  static const Schema schema = Schema::of<SeverityConfig>({
      option("enabled", &SeverityConfig::enabled, "Whether to look for a severity."),
      option("fields", &SeverityConfig::fields,
             "Fields that may hold it; the first one in the line with a known word or number "
             "counts.")
          .default_shown("level, severity, lvl, log.level and other usual names")
          .check<StringList>(&SeverityConfig::fields, paths_complaint),
      choice(
          "numbers", &SeverityConfig::numbers,
          "Whose numbers 10 to 60 are; auto: pino's (30 is info) in lines with pid and hostname, "
          "a number v, or a time in milliseconds, else Python's (30 is warning).",
          {{"auto", LevelNumbers::automatic},
           {"pino", LevelNumbers::pino},
           {"python", LevelNumbers::python}}),
      option("label", &SeverityConfig::label,
             "Label that gets it as trace, debug, info, warn, error or fatal.")
          .check<std::string>(&SeverityConfig::label, label_complaint),
      option("metadata", &SeverityConfig::metadata, "Structured metadata that gets it likewise.")
          .check<std::string>(&SeverityConfig::metadata, metadata_name_complaint),
  });
  return schema;
}

/// True when one is `a` and the other within the object at `a`.
bool one_holds_other(const std::string& a, const std::string& b) {
  const std::string& outer = a.size() < b.size() ? a : b;
  const std::string& inner = a.size() < b.size() ? b : a;
  return inner.size() > outer.size() && inner.starts_with(outer) && inner[outer.size()] == '.';
}

}  // namespace

void JsonConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (labels.size() + metadata.size() > kMaxFields) {
    context.fail(at, "at most " + std::to_string(kMaxFields) + " fields as labels and metadata");
  }
  const ConfigValue* written = at.find("metadata");
  for (const auto& [name, whole] : metadata) {
    const auto conflicts = [&whole = whole](const StringMap& others) {
      return std::ranges::find_if(others, [&](const auto& other) {
        return other.second.size() > whole.size() && one_holds_other(whole, other.second);
      });
    };
    for (const StringMap* others : {&metadata, &labels}) {
      if (const auto other = conflicts(*others); other != others->end()) {
        context.fail(
            written != nullptr ? *written : at,
            "\"" + other->second + "\" lies within \"" + whole + "\", which is taken as a whole",
            "take either the object or fields of it");
      }
    }
  }
  if (message_only && message_fields.empty()) {
    context.fail(at, "message_only needs message_fields");
  }
  if (labels.contains(severity.label)) {
    context.fail(at, "the label \"" + severity.label + "\" would be set twice",
                 "take it out of labels, or give severity.label another name");
  }
  if (metadata.contains(severity.metadata)) {
    context.fail(at, "the metadata \"" + severity.metadata + "\" would be set twice",
                 "take it out of metadata, or give severity.metadata another name");
  }
}

const Schema& json_schema() {
  static const Schema schema = Schema::of<JsonConfig>({
      option("labels", &JsonConfig::labels,
             "Labels and the fields that they get their values from. For fields with few values.")
          .check<StringMap>(&JsonConfig::labels, labels_complaint),
      option("metadata", &JsonConfig::metadata,
             "Names of structured metadata, with an ASCII letter or digit at least, and the fields "
             "that they get their values from.")
          .check<StringMap>(&JsonConfig::metadata, metadata_complaint),
      object("severity", &JsonConfig::severity, "Where the severity comes from and goes to.",
             severity_schema()),
      object("timestamp", &JsonConfig::timestamp,
             "Takes the time from a field instead of the container runtime.", timestamp_schema()),
      option("message_only", &JsonConfig::message_only,
             "The line becomes its message, unescaped; everything else that is not taken is gone."),
      option("message_fields", &JsonConfig::message_fields,
             "Fields that may hold the message; the first one in the line that is a text counts.")
          .check<StringList>(&JsonConfig::message_fields, paths_complaint),
      choice("on_error", &JsonConfig::on_error,
             "What becomes of a line that begins with { and is not a JSON object.",
             {{"pass", OnError::pass}, {"drop", OnError::drop}}),
  });
  return schema;
}

}  // namespace tailrace::processors::json
