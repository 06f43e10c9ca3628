#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "tailrace/check.h"
#include "tailrace/config_schema.h"
#include "tailrace/config_value.h"

#include "config/option_codecs.h"
#include "config/suggest.h"
#include "config/units.h"

namespace tailrace {

const ConfigValue* ConfigValue::find(std::string_view key) const noexcept {
  for (const auto& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

namespace {

/// Sets the path for the time that a part of the value is read.
class InPath {
 public:
  InPath(ConfigContext& context, std::string_view step)
      : context_(context), length_(context.path.size()) {
    if (!step.starts_with('[') && !context.path.empty()) {
      context.path += '.';
    }
    context.path += step;
  }
  ~InPath() { context_.path.resize(length_); }
  InPath(const InPath&) = delete;
  InPath& operator=(const InPath&) = delete;

 private:
  ConfigContext& context_;
  size_t length_;
};

bool wrong_kind(const ConfigValue& value, std::string_view what, ConfigContext& context) {
  context.fail(value, fmt::format("expected {}, got {}", what, config::describe(value)));
  return false;
}

bool is_among(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// A value of one of the types that have an order, comparable within its type.
struct Measure {
  bool is_real = false;
  double real = 0;
  bool negative = false;  // whole numbers: sign and size apart, so that all of 64 bits fit
  uint64_t size = 0;

  bool less_than(const Measure& other) const {
    if (is_real) {
      return real < other.real;
    }
    if (negative != other.negative) {
      return negative;
    }
    return negative ? size > other.size : size < other.size;
  }
};

std::optional<Measure> measure(const std::string& type, std::string_view text) {
  Measure out;
  if (type == config::kSizeType) {
    const auto size = config::parse_size(text);
    out.size = size ? size->bytes : 0;
    return size ? std::optional(out) : std::nullopt;
  }
  if (type == config::kDurationType) {
    const auto duration = config::parse_duration(text);
    out.size = duration ? static_cast<uint64_t>(duration->count()) : 0;
    return duration ? std::optional(out) : std::nullopt;
  }
  if (type == config::kNumberType) {
    const auto number = config::parse_double(text);
    out.is_real = true;
    out.real = number.value_or(0);
    return number ? std::optional(out) : std::nullopt;
  }
  if (type == config::kWholeNumberType) {
    out.negative = text.starts_with('-');
    if (out.negative) {
      text.remove_prefix(1);
    }
    const auto number = config::parse_uint64(text);
    out.size = number.value_or(0);
    return number ? std::optional(out) : std::nullopt;
  }
  return std::nullopt;
}

/// What Go's YAML reader makes of an option without a value: its type's zero. Null: leave it alone.
std::optional<ConfigValue> zero_of(const OptionRow& row) {
  const std::string& type = row.type.name;
  if (row.nested != nullptr || type.starts_with("one of")) {
    return std::nullopt;
  }
  ConfigValue zero;
  if (type.starts_with("list")) {
    zero.kind = ConfigValue::Kind::list;
  } else if (type.starts_with("map")) {
    zero.kind = ConfigValue::Kind::map;
  } else {
    zero.kind = ConfigValue::Kind::scalar;
    if (type == config::kTruthType) {
      zero.scalar = "false";
    } else if (type == config::kDurationType || type == config::kSizeType ||
               type == config::kNumberType || type == config::kWholeNumberType) {
      zero.scalar = "0";
    }
  }
  return zero;
}

}  // namespace

namespace detail {

void add_range(OptionRow& row, std::string low, std::string high) {
  const auto least = measure(row.type.name, low);
  const auto most = measure(row.type.name, high);
  TR_CHECK(least && most);  // the table itself is wrong
  row.range_text = low + " … " + high;
  if (row.type.name == config::kWholeNumberType || row.type.name == config::kNumberType) {
    row.type.json_schema = fmt::format(
        R"({{"anyOf":[{{"type":"{}","minimum":{},"maximum":{}}},{{"$ref":"#/$defs/reference"}}]}})",
        row.type.name == config::kNumberType ? "number" : "integer", low, high);
  }
  row.read = [inner = std::move(row.read), type = row.type.name, least = *least, most = *most, low,
              high](const ConfigValue& value, void* object, ConfigContext& context) {
    if (!inner(value, object, context)) {
      return false;
    }
    const auto got = measure(type, value.scalar);
    if (got && (got->less_than(least) || most.less_than(*got))) {
      context.fail(
          value, fmt::format("must be from {} to {}, got {}", low, high, config::describe(value)));
      return false;
    }
    return true;
  };
}

bool read_choice(const ConfigValue& value, const std::vector<std::string>& names, size_t& index,
                 ConfigContext& context) {
  const auto found = std::find(names.begin(), names.end(), value.scalar);
  if (value.kind == ConfigValue::Kind::scalar && found != names.end()) {
    index = static_cast<size_t>(found - names.begin());
    return true;
  }
  std::string hint = value.secret ? std::string() : config::suggest(value.scalar, names);
  if (!hint.starts_with("did")) {
    hint.clear();  // the message lists the names already
  }
  context.fail(value,
               fmt::format("expected {}{}, got {}", names.size() > 1 ? "one of " : "",
                           fmt::join(names, ", "), config::describe(value)),
               std::move(hint));
  return false;
}

OptionType choice_type(const std::vector<std::string>& names) {
  OptionType type;
  for (const auto& name : names) {
    type.name += fmt::format("{}`{}`", type.name.empty() ? "" : ", ", name);
    type.json_schema += fmt::format("{}\"{}\"", type.json_schema.empty() ? "" : ",", name);
  }
  type.name = "one of " + type.name;
  type.json_schema = fmt::format(R"({{"anyOf":[{{"enum":[{}]}},{{"$ref":"#/$defs/reference"}}]}})",
                                 type.json_schema);
  return type;
}

bool read_object(const ConfigValue& value, void* object, const Schema& schema,
                 ConfigContext& context) {
  return schema.read(value, object, context);
}

bool read_objects(const ConfigValue& value, const Schema& schema, ConfigContext& context,
                  const std::function<void*()>& add) {
  if (value.kind != ConfigValue::Kind::list) {
    return wrong_kind(value, "a list", context);
  }
  bool ok = true;
  for (size_t i = 0; i < value.items.size(); ++i) {
    const InPath in(context, fmt::format("[{}]", i));
    ok = schema.read(value.items[i], add(), context) && ok;
  }
  return ok;
}

bool read_object_map(const ConfigValue& value, const Schema& schema, ConfigContext& context,
                     const std::function<void*(const std::string&)>& add) {
  if (value.kind != ConfigValue::Kind::map) {
    return wrong_kind(value, "a map", context);
  }
  bool ok = true;
  for (const auto& member : value.members) {
    const InPath in(context, member.key);
    ok = schema.read(member.value, add(member.key), context) && ok;
  }
  return ok;
}

OptionType object_type() {
  return {"object", R"({"type":"object"})"};
}
OptionType objects_type() {
  return {"list of objects", R"({"type":"array"})"};
}
OptionType object_map_type() {
  return {"map of objects", R"({"type":"object"})"};
}

}  // namespace detail

bool Schema::read(const ConfigValue& map, void* object, ConfigContext& context,
                  const std::vector<std::string>& ignored) const {
  // A section that is empty but for its name has all its options at their defaults.
  if (map.kind != ConfigValue::Kind::map && map.kind != ConfigValue::Kind::null) {
    return wrong_kind(map, "a map of options", context);
  }
  bool ok = true;
  std::vector<std::string> seen;
  for (const auto& member : map.members) {
    if (is_among(ignored, member.key)) {
      continue;
    }
    const InPath in(context, member.key);
    if (is_among(seen, member.key)) {
      context.issues.add(member.key_position, context.path, "this option is given twice");
      ok = false;
      continue;
    }
    seen.push_back(member.key);
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const OptionRow& candidate) {
      return candidate.name == member.key;
    });
    if (row == rows_.end()) {
      std::vector<std::string> names;
      for (const auto& known : rows_) {
        names.push_back(known.name);
      }
      std::string message = "unknown option";
      std::string hint = config::suggest(member.key, names);
      for (const Refused& refused : refused_) {
        if (is_among(refused.names, member.key)) {
          message = refused.message;
          hint = refused.hint;
        }
      }
      context.issues.add(member.key_position, context.path, std::move(message), std::move(hint));
      ok = false;
    } else if (context.as_prometheus && member.value.kind == ConfigValue::Kind::null) {
      if (const auto zero = zero_of(*row)) {
        ok = row->read(*zero, object, context) && ok;
      }
    } else {
      ok = row->read(member.value, object, context) && ok;
    }
  }
  for (const auto& row : rows_) {
    if (row.is_required && !is_among(seen, row.name) && !is_among(ignored, row.name)) {
      const InPath in(context, row.name);
      context.fail(map, "is required");
      ok = false;
    }
  }
  for (const auto& finish : finishers_) {
    ok = ok && finish(object, map, context);
  }
  return ok;
}

}  // namespace tailrace
