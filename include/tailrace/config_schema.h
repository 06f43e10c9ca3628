#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tailrace/clock.h"
#include "tailrace/config_value.h"

/// How a component declares its options, once:
///
///   struct LokiConfig {
///     std::string url;
///     Duration timeout = std::chrono::seconds(10);
///     Compression compression = Compression::snappy;
///   };
///   const Schema& loki_schema() {
///     static const Schema schema = Schema::of<LokiConfig>({
///         option("url", &LokiConfig::url, "Where to push.").required(),
///         option("timeout", &LokiConfig::timeout, "Longest wait for an answer.")
///             .range("1ms", "10m"),
///         choice("compression", &LokiConfig::compression, "Of the body.",
///                {{"snappy", Compression::snappy}, {"none", Compression::none}}),
///     });
///     return schema;
///   }
///
/// Defaults are the struct's own initialisers. From the table come parsing, errors with their
/// place, the option tables of the docs and the JSON Schema.
namespace tailrace {

/// A size in bytes, written `64MiB`, `10MB`, `4096`.
struct ByteSize {
  uint64_t bytes = 0;
  friend auto operator<=>(const ByteSize&, const ByteSize&) = default;
};

/// Text that is never printed: shown as `<secret>` wherever a config is displayed.
struct Secret {
  std::string text;
  bool empty() const noexcept { return text.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;
};

class Schema;

/// While a value is read: where we are and where complaints go.
struct ConfigContext {
  ConfigIssues& issues;
  std::string path;            // of the value being read
  bool as_prometheus = false;  // see Option::as_prometheus
  std::string folder = {};     // of the file being read, for relative paths; "" = not from a file

  void fail(const ConfigValue& at, std::string message, std::string hint = {}) {
    issues.add(at.position, path, std::move(message), std::move(hint));
  }
  /// A path as Prometheus means it: relative to the file that names it.
  std::string file_path(const std::string& written) const {
    return written.empty() || written.front() == '/' || folder.empty() ? written
                                                                       : folder + "/" + written;
  }
};

/// What docs and JSON Schema need to know of a type.
struct OptionType {
  std::string name;         // "duration", "list of strings", …
  std::string json_schema;  // a JSON object, such as {"type":"string"}
};

/// Reading, printing and naming of an option's type. Specialise for a type of your own.
/// Implemented in src/config for: bool, int64_t, uint32_t, uint64_t, double, std::string, ByteSize,
/// Duration, Secret, std::vector<std::string>, std::map<std::string, std::string>,
/// std::map<std::string, std::vector<std::string>>, std::optional of each, and ConfigValue (taken
/// as it is, for the plugin to look into).
template <class T>
struct OptionCodec {
  static bool read(const ConfigValue& value, T& out, ConfigContext& context);
  static std::string print(const T& value);  // as it would be written; "" = nothing to show
  static OptionType type();
};

template <>
bool OptionCodec<bool>::read(const ConfigValue&, bool&, ConfigContext&);
template <>
std::string OptionCodec<bool>::print(const bool&);
template <>
OptionType OptionCodec<bool>::type();
template <>
bool OptionCodec<int64_t>::read(const ConfigValue&, int64_t&, ConfigContext&);
template <>
std::string OptionCodec<int64_t>::print(const int64_t&);
template <>
OptionType OptionCodec<int64_t>::type();
template <>
bool OptionCodec<uint32_t>::read(const ConfigValue&, uint32_t&, ConfigContext&);
template <>
std::string OptionCodec<uint32_t>::print(const uint32_t&);
template <>
OptionType OptionCodec<uint32_t>::type();
template <>
bool OptionCodec<uint64_t>::read(const ConfigValue&, uint64_t&, ConfigContext&);
template <>
std::string OptionCodec<uint64_t>::print(const uint64_t&);
template <>
OptionType OptionCodec<uint64_t>::type();
template <>
bool OptionCodec<double>::read(const ConfigValue&, double&, ConfigContext&);
template <>
std::string OptionCodec<double>::print(const double&);
template <>
OptionType OptionCodec<double>::type();
template <>
bool OptionCodec<std::string>::read(const ConfigValue&, std::string&, ConfigContext&);
template <>
std::string OptionCodec<std::string>::print(const std::string&);
template <>
OptionType OptionCodec<std::string>::type();
template <>
bool OptionCodec<ByteSize>::read(const ConfigValue&, ByteSize&, ConfigContext&);
template <>
std::string OptionCodec<ByteSize>::print(const ByteSize&);
template <>
OptionType OptionCodec<ByteSize>::type();
template <>
bool OptionCodec<Duration>::read(const ConfigValue&, Duration&, ConfigContext&);
template <>
std::string OptionCodec<Duration>::print(const Duration&);
template <>
OptionType OptionCodec<Duration>::type();
template <>
bool OptionCodec<Secret>::read(const ConfigValue&, Secret&, ConfigContext&);
template <>
std::string OptionCodec<Secret>::print(const Secret&);
template <>
OptionType OptionCodec<Secret>::type();
template <>
bool OptionCodec<ConfigValue>::read(const ConfigValue&, ConfigValue&, ConfigContext&);
template <>
std::string OptionCodec<ConfigValue>::print(const ConfigValue&);
template <>
OptionType OptionCodec<ConfigValue>::type();

using StringList = std::vector<std::string>;
template <>
bool OptionCodec<StringList>::read(const ConfigValue&, StringList&, ConfigContext&);
template <>
std::string OptionCodec<StringList>::print(const StringList&);
template <>
OptionType OptionCodec<StringList>::type();
using StringMap = std::map<std::string, std::string>;
template <>
bool OptionCodec<StringMap>::read(const ConfigValue&, StringMap&, ConfigContext&);
template <>
std::string OptionCodec<StringMap>::print(const StringMap&);
template <>
OptionType OptionCodec<StringMap>::type();
using StringListMap = std::map<std::string, StringList>;
template <>
bool OptionCodec<StringListMap>::read(const ConfigValue&, StringListMap&, ConfigContext&);
template <>
std::string OptionCodec<StringListMap>::print(const StringListMap&);
template <>
OptionType OptionCodec<StringListMap>::type();

template <class T>
struct OptionCodec<std::optional<T>> {
  static bool read(const ConfigValue& value, std::optional<T>& out, ConfigContext& context) {
    if (value.kind == ConfigValue::Kind::null) {
      out.reset();
      return true;
    }
    T read_value{};
    if (!OptionCodec<T>::read(value, read_value, context)) {
      return false;
    }
    out = std::move(read_value);
    return true;
  }
  static std::string print(const std::optional<T>& value) {
    return value ? OptionCodec<T>::print(*value) : std::string();
  }
  static OptionType type() { return OptionCodec<T>::type(); }
};

/// One row of the table. `object` in the functions is the struct that the option is a member of.
struct OptionRow {
  std::string name;
  std::string doc;
  OptionType type;
  std::string default_text;  // "" = none
  bool is_required = false;
  bool is_secret = false;
  std::string range_text;  // "1ms … 10m", or ""
  std::function<bool(const ConfigValue&, void* object, ConfigContext&)> read;
  std::shared_ptr<const Schema> nested;  // set for objects and lists/maps of objects
};

/// Builder of a row; see option() and choice().
template <class C>
class Option {
 public:
  explicit Option(OptionRow row) : row_(std::move(row)) {}
  Option&& required() && {
    row_.is_required = true;
    row_.default_text.clear();
    return std::move(*this);
  }
  /// Overrides how the default is shown ("from the cgroup").
  Option&& default_shown(std::string text) && {
    row_.default_text = std::move(text);
    return std::move(*this);
  }
  /// Smallest and largest value, as they would be written; both inclusive.
  Option&& range(std::string low, std::string high) &&;
  /// A further check: returns what is wrong, or "".
  template <class T>
  Option&& check(T C::*member, std::function<std::string(const T&)> complaint) && {
    row_.read = [inner = std::move(row_.read), member, complaint = std::move(complaint)](
                    const ConfigValue& value, void* object, ConfigContext& context) {
      if (!inner(value, object, context)) {
        return false;
      }
      std::string wrong = complaint(static_cast<C*>(object)->*member);
      if (!wrong.empty()) {
        context.fail(value, std::move(wrong));
        return false;
      }
      return true;
    };
    return std::move(*this);
  }
  /// A section of Prometheus's own, read as its YAML reader does: an option without a value keeps
  /// its default, and `yes`, `on`, `no` and `off` are truth values too.
  Option&& as_prometheus() && {
    row_.read = [inner = std::move(row_.read)](const ConfigValue& value, void* object,
                                               ConfigContext& context) {
      const bool before = std::exchange(context.as_prometheus, true);
      const bool ok = value.kind == ConfigValue::Kind::null || inner(value, object, context);
      context.as_prometheus = before;
      return ok;
    };
    return std::move(*this);
  }
  OptionRow row_;
};

namespace detail {
/// Wraps a reader with a range check on the option's value, which T's codec parses from `low` and
/// `high` too. Defined for numbers, sizes and durations.
void add_range(OptionRow& row, std::string low, std::string high);
bool read_choice(const ConfigValue& value, const std::vector<std::string>& names, size_t& index,
                 ConfigContext& context);
OptionType choice_type(const std::vector<std::string>& names);
}  // namespace detail

template <class C>
Option<C>&& Option<C>::range(std::string low, std::string high) && {
  detail::add_range(row_, std::move(low), std::move(high));
  return std::move(*this);
}

template <class C, class T>
Option<C> option(std::string name, T C::*member, std::string doc) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = OptionCodec<T>::type();
  row.default_text = OptionCodec<T>::print(C{}.*member);
  row.is_secret = std::is_same_v<T, Secret> || std::is_same_v<T, std::optional<Secret>>;
  row.read = [member](const ConfigValue& value, void* object, ConfigContext& context) {
    return OptionCodec<T>::read(value, static_cast<C*>(object)->*member, context);
  };
  return Option<C>(std::move(row));
}

/// An option with a fixed set of names for its values.
template <class C, class E>
Option<C> choice(std::string name, E C::*member, std::string doc,
                 std::vector<std::pair<std::string, std::type_identity_t<E>>> values) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  std::vector<std::string> names;
  std::vector<E> meanings;
  const E initial = C{}.*member;
  for (auto& [text, meaning] : values) {
    if (meaning == initial && row.default_text.empty()) {
      row.default_text = text;
    }
    names.push_back(std::move(text));
    meanings.push_back(meaning);
  }
  row.type = detail::choice_type(names);
  row.read = [member, names, meanings](const ConfigValue& value, void* object,
                                       ConfigContext& context) {
    size_t index = 0;
    if (!detail::read_choice(value, names, index, context)) {
      return false;
    }
    static_cast<C*>(object)->*member = meanings[index];
    return true;
  };
  return Option<C>(std::move(row));
}

/// The option table of one component or of one nested object.
class Schema {
 public:
  template <class C>
  static Schema of(std::vector<Option<C>> options) {
    Schema schema;
    for (auto& option : options) {
      schema.rows_.push_back(std::move(option.row_));
    }
    return schema;
  }
  const std::vector<OptionRow>& rows() const noexcept { return rows_; }

  /// Fills `object` from a map. Unknown keys (with "did you mean"), repeated keys, missing required
  /// ones and bad values are all reported; keys in `ignored` are not looked at.
  bool read(const ConfigValue& map, void* object, ConfigContext& context,
            const std::vector<std::string>& ignored = {}) const;

  /// Adds the rows of a part struct that is a member of C, so that its options appear flat among
  /// C's own (an HTTP client's options within an output's).
  template <class C, class P>
  Schema&& with_part(P C::*member, const Schema& part) && {
    for (OptionRow row : part.rows()) {
      row.read = [member, inner = std::move(row.read)](const ConfigValue& value, void* object,
                                                       ConfigContext& context) {
        return inner(value, &(static_cast<C*>(object)->*member), context);
      };
      rows_.push_back(std::move(row));
    }
    refused_.insert(refused_.end(), part.refused_.begin(), part.refused_.end());
    for (const auto& inner : part.finishers_) {
      finishers_.push_back(
          [member, inner](void* object, const ConfigValue& at, ConfigContext& context) {
            return inner(&(static_cast<C*>(object)->*member), at, context);
          });
    }
    return std::move(*this);
  }

  /// Options that others have and we do not, so that the complaint can say more than "unknown".
  Schema&& refuse(std::vector<std::string> names, std::string message, std::string hint) && {
    refused_.push_back({std::move(names), std::move(message), std::move(hint)});
    return std::move(*this);
  }

  /// Runs when all options of an object were read without complaint: checks across options, and
  /// what follows from several of them. Returns false after a complaint.
  template <class C>
  Schema&& finish(std::function<bool(C&, const ConfigValue& at, ConfigContext&)> finisher) && {
    finishers_.push_back([finisher = std::move(finisher)](void* object, const ConfigValue& at,
                                                          ConfigContext& context) {
      return finisher(*static_cast<C*>(object), at, context);
    });
    return std::move(*this);
  }

 private:
  struct Refused {
    std::vector<std::string> names;
    std::string message;
    std::string hint;
  };

  std::vector<OptionRow> rows_;
  std::vector<Refused> refused_;
  std::vector<std::function<bool(void*, const ConfigValue&, ConfigContext&)>> finishers_;
};

namespace detail {
bool read_object(const ConfigValue& value, void* object, const Schema& schema,
                 ConfigContext& context);
bool read_objects(const ConfigValue& value, const Schema& schema, ConfigContext& context,
                  const std::function<void*()>& add);
bool read_object_map(const ConfigValue& value, const Schema& schema, ConfigContext& context,
                     const std::function<void*(const std::string&)>& add);
OptionType object_type();
OptionType objects_type();
OptionType object_map_type();
}  // namespace detail

/// A nested object (`tls_config: {…}`). `schema` must live for ever (a static).
template <class C, class T>
Option<C> object(std::string name, T C::*member, std::string doc, const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = detail::object_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [member, &schema](const ConfigValue& value, void* at, ConfigContext& context) {
    return detail::read_object(value, &(static_cast<C*>(at)->*member), schema, context);
  };
  return Option<C>(std::move(row));
}

/// The same, absent unless written.
template <class C, class T>
Option<C> object(std::string name, std::optional<T> C::*member, std::string doc,
                 const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = detail::object_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [member, &schema](const ConfigValue& value, void* at, ConfigContext& context) {
    T& part = (static_cast<C*>(at)->*member).emplace();
    return detail::read_object(value, &part, schema, context);
  };
  return Option<C>(std::move(row));
}

/// A list of objects.
template <class C, class T>
Option<C> objects(std::string name, std::vector<T> C::*member, std::string doc,
                  const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = detail::objects_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [member, &schema](const ConfigValue& value, void* at, ConfigContext& context) {
    auto& list = static_cast<C*>(at)->*member;
    list.clear();
    return detail::read_objects(value, schema, context,
                                [&list] { return static_cast<void*>(&list.emplace_back()); });
  };
  return Option<C>(std::move(row));
}

/// A map from names to objects, in the order of the file.
template <class C, class T>
Option<C> object_map(std::string name, std::vector<std::pair<std::string, T>> C::*member,
                     std::string doc, const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = detail::object_map_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [member, &schema](const ConfigValue& value, void* at, ConfigContext& context) {
    auto& list = static_cast<C*>(at)->*member;
    list.clear();
    return detail::read_object_map(value, schema, context, [&list](const std::string& key) {
      return static_cast<void*>(&list.emplace_back(key, T{}).second);
    });
  };
  return Option<C>(std::move(row));
}

}  // namespace tailrace
