#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/regex.h"

#include "plugins/common/prom/label_builder.h"

/// Relabeling as Prometheus 3 does it: for relabel_configs, metric_relabel_configs and
/// write_relabel_configs.
///
///   struct Config { RelabelRules write_relabel_configs; … };
///   objects("write_relabel_configs", &Config::write_relabel_configs, "…", relabel_schema())
///       .as_prometheus()
///   …
///   builder.assign(labels);
///   if (relabel(config.write_relabel_configs, builder)) { … builder.labels() … }
///
/// Source: Prometheus docs/configuration, <relabel_config>; model/relabel.
namespace tailrace::common::prom {

enum class RelabelAction : uint8_t {
  replace,
  keep,
  drop,
  keepequal,
  dropequal,
  hashmod,
  labelmap,
  labeldrop,
  labelkeep,
  lowercase,
  uppercase
};
std::string_view to_string(RelabelAction action) noexcept;

/// metric_name_validation_scheme.
enum class NameValidation : uint8_t { utf8, legacy };
/// Whether a label may have this name: any UTF-8 text that is not empty, or
/// `[a-zA-Z_][a-zA-Z0-9_]*`.
bool is_label_name(std::string_view name, NameValidation scheme) noexcept;
/// The same for a metric: any UTF-8 text that is not empty, or `[a-zA-Z_:][a-zA-Z0-9_:]*`.
bool is_metric_name(std::string_view name, NameValidation scheme) noexcept;

/// A pattern as it was written, compiled as Prometheus compiles it: `^(?s:…)$`.
class RelabelRegex {
 public:
  RelabelRegex() = default;  ///< The default, `(.*)`.
  static Result<RelabelRegex> compile(std::string_view pattern);

  const std::string& pattern() const noexcept { return pattern_; }
  /// Nothing else than `(.*)`: matches everything, group 1 is the whole text.
  bool is_default() const noexcept { return regex_ == nullptr; }
  const Regex& regex() const noexcept { return *regex_; }  // not for the default
  bool matches(std::string_view text) const noexcept {
    return is_default() || regex_->matches(text);
  }

 private:
  std::string pattern_ = "(.*)";
  std::shared_ptr<const Regex> regex_;
};

/// One entry of a list of rules. Immutable once read; any lane.
struct RelabelConfig {
  StringList source_labels;
  std::string separator = ";";
  RelabelRegex regex;
  uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::replace;
  /// Of the section that the rule stands in; a name made by `replace` that is none leaves the
  /// labels alone.
  NameValidation name_validation = NameValidation::utf8;
  ConfigPosition position;
};
using RelabelRules = std::vector<RelabelConfig>;

/// Of one rule, checks across its options included (for metric_name_validation_scheme: utf8).
const Schema& relabel_schema();
/// Takes on another scheme of names after reading: complains of target labels that are no names
/// then.
void set_name_validation(RelabelRules& rules, NameValidation scheme, ConfigContext& context);

/// Applies the rules in order. False: a rule dropped the labels (what is left in the builder then
/// means nothing), or no label is left.
bool relabel(const RelabelRules& rules, LabelBuilder& labels);

/// What one rule did, for `tailrace relabel`.
struct RelabelStep {
  const RelabelConfig* rule = nullptr;
  std::string source;    ///< The joined values of the source labels.
  bool matched = false;  ///< Of regex, or of the comparison. True for rules that do not ask.
  bool kept = true;
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Pairs before;
  Pairs after;
};
/// The same, writing down each step; ends with the step that drops.
bool relabel_traced(const RelabelRules& rules, LabelBuilder& labels,
                    std::vector<RelabelStep>& steps);

}  // namespace tailrace::common::prom

namespace tailrace {
template <>
bool OptionCodec<common::prom::RelabelRegex>::read(const ConfigValue&, common::prom::RelabelRegex&,
                                                   ConfigContext&);
template <>
std::string OptionCodec<common::prom::RelabelRegex>::print(const common::prom::RelabelRegex&);
template <>
OptionType OptionCodec<common::prom::RelabelRegex>::type();
}  // namespace tailrace
