#include "plugins/converters/otlp_to_metrics/series_labels.h"

#include <algorithm>
#include <array>

#include "codec/proto_reader.h"
#include "codec/utf8.h"
#include "plugins/common/otlp/fields.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::converters::otlp_to_metrics {

namespace otlp = common::otlp;
using common::prom::LabelBuilder;

namespace {

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kServiceNamespace = "service.namespace";
constexpr std::string_view kServiceInstance = "service.instance.id";
constexpr std::string_view kScopePrefix = "otel_scope_";

bool is_identifying(std::string_view name) noexcept {
  return name == kServiceName || name == kServiceNamespace || name == kServiceInstance;
}

std::string_view joined(std::initializer_list<std::string_view> parts, Arena& arena) {
  size_t size = 0;
  for (const std::string_view part : parts) {
    size += part.size();
  }
  char* const text = arena.array<char>(size);
  char* to = text;
  for (const std::string_view part : parts) {
    to = std::ranges::copy(part, to).out;
  }
  return {text, size};
}

}  // namespace

SeriesLabels::SeriesLabels(const OtlpToMetricsConfig& config)
    : config_(config), resource_texts_(4096), scope_texts_(4096) {}

void SeriesLabels::begin_resource(std::string_view message) {
  resource_texts_.reset();
  resource_.clear();
  promoted_.clear();
  job_ = instance_ = {};
  otlp::for_each_field(message, otlp::resource_x::kResource, [&](std::string_view resource) {
    otlp::for_each_field(resource, otlp::resource::kAttributes, [&](std::string_view attribute) {
      read_attribute(attribute, resource_texts_, resource_);
    });
  });
  const Attribute* const name = find(kServiceName);
  const Attribute* const space = find(kServiceNamespace);
  const Attribute* const instance = find(kServiceInstance);
  if (name != nullptr) {
    job_ =
        space != nullptr ? joined({space->value, "/", name->value}, resource_texts_) : name->value;
  }
  if (instance != nullptr) {
    instance_ = instance->value;
  }
  for (const Attribute& attribute : resource_) {
    if (is_promoted(attribute.name)) {
      promoted_.push_back({label_name(attribute.name, resource_texts_), attribute.value});
    }
  }
  // Of two that get one name the last one counts.
  std::ranges::reverse(promoted_);
}

void SeriesLabels::begin_scope(std::string_view message) {
  of_scope_.clear();
  if (!config_.promote_scope_metadata) {
    return;
  }
  scope_texts_.reset();
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  otlp::for_each_field(message, otlp::scope_x::kSchemaUrl,
                       [&](std::string_view url) { schema_url = url; });
  otlp::for_each_field(message, otlp::scope_x::kScope, [&](std::string_view scope) {
    otlp::for_each_field(scope, otlp::scope::kName, [&](std::string_view text) { name = text; });
    otlp::for_each_field(scope, otlp::scope::kVersion,
                         [&](std::string_view text) { version = text; });
    otlp::for_each_field(scope, otlp::scope::kAttributes, [&](std::string_view attribute) {
      scratch_.clear();
      read_attribute(attribute, scope_texts_, scratch_);
      const std::string_view full = joined({kScopePrefix, scratch_[0].name}, scope_texts_);
      of_scope_.push_back({label_name(full, scope_texts_), scratch_[0].value});
    });
  });
  if (name.empty()) {
    of_scope_.clear();
    return;
  }
  // Behind the attributes, so that none of them takes their place.
  of_scope_.push_back({"otel_scope_name", codec::make_valid_utf8(name, scope_texts_)});
  of_scope_.push_back({"otel_scope_version", codec::make_valid_utf8(version, scope_texts_)});
  of_scope_.push_back({"otel_scope_schema_url", codec::make_valid_utf8(schema_url, scope_texts_)});
}

void SeriesLabels::append_scope(std::string& to) const {
  for (const Label& label : of_scope_) {
    for (const std::string_view text : {label.name, label.value}) {
      const size_t size = text.size();
      to.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
    }
  }
}

bool SeriesLabels::make(const std::vector<std::string_view>& attributes, Arena& arena,
                        LabelBuilder& out) {
  scratch_.clear();
  for (const std::string_view attribute : attributes) {
    read_attribute(attribute, arena, scratch_);
  }
  if (!add_attributes(scratch_, arena, out)) {
    return false;
  }
  for (const Label& label : promoted_) {
    if (!label.name.empty() && !out.has(label.name)) {
      out.set(label.name, label.value);
    }
  }
  for (const Label& label : of_scope_) {
    out.set(label.name, label.value);
  }
  add_identity(out);
  return true;
}

bool SeriesLabels::make_target_info(Arena& arena, LabelBuilder& out) {
  scratch_.clear();
  bool tells_something = false;
  for (const Attribute& attribute : resource_) {
    tells_something = tells_something || !is_identifying(attribute.name);
    if (config_.keep_identifying_resource_attributes || !is_identifying(attribute.name)) {
      scratch_.push_back(attribute);
    }
  }
  if (!tells_something || !add_attributes(scratch_, arena, out)) {
    return false;
  }
  add_identity(out);
  return out.has("job") || out.has("instance");
}

const SeriesLabels::Attribute* SeriesLabels::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(resource_, name, &Attribute::name);
  return found == resource_.end() ? nullptr : &*found;
}

void SeriesLabels::read_attribute(std::string_view message, Arena& arena, Attributes& to) const {
  const otlp::KeyValue pair = otlp::read_key_value(message);
  otlp::ValueText text(arena);
  to.push_back({codec::make_valid_utf8(pair.key, arena),
                codec::make_valid_utf8(text.of(pair.value), arena)});
}

std::string_view SeriesLabels::label_name(std::string_view name, Arena& arena) const {
  if (!otlp::escapes(config_.translation_strategy)) {
    return name;
  }
  const std::string_view label = otlp::to_label_name(name, otlp::LabelStyle::prometheus, arena);
  const bool is_name = label == name || label.find_first_not_of('_') != std::string_view::npos;
  return is_name ? label : std::string_view();
}

bool SeriesLabels::add_attributes(Attributes& attributes, Arena& arena, LabelBuilder& out) const {
  out.assign({});
  // By their names before they are translated, so that joined values have one order.
  std::ranges::stable_sort(attributes, {}, &Attribute::name);
  for (const Attribute& attribute : attributes) {
    const std::string_view name = label_name(attribute.name, arena);
    if (name.empty()) {
      return false;
    }
    const std::string_view before = out.get(name);
    out.set(name, before.empty() ? attribute.value : joined({before, ";", attribute.value}, arena));
  }
  return true;
}

void SeriesLabels::add_identity(LabelBuilder& out) const {
  if (!job_.empty()) {
    out.set("job", job_);
  }
  if (!instance_.empty()) {
    out.set("instance", instance_);
  }
}

bool SeriesLabels::is_promoted(std::string_view attribute) const noexcept {
  const StringList& names = config_.promote_all_resource_attributes
                                ? config_.ignore_resource_attributes
                                : config_.promote_resource_attributes;
  const bool is_listed = std::ranges::find(names, attribute) != names.end();
  return is_listed != config_.promote_all_resource_attributes;
}

}  // namespace tailrace::converters::otlp_to_metrics
