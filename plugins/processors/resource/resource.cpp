#include "plugins/processors/resource/resource.h"

#include <algorithm>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/forms.h"
#include "plugins/common/otlp/raw_fields.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::processors::resource {

namespace otlp = common::otlp;
using otlp::append_field;
using otlp::RawFields;

namespace {

std::string_view key_of(std::string_view pair) noexcept {
  std::string_view key;
  RawFields fields(pair);
  while (fields.next()) {
    if (fields.is_bytes(otlp::key_value::kKey)) {
      key = fields.content();
    }
  }
  return key;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) noexcept {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

ResourceProcessor::ResourceProcessor(std::shared_ptr<const ResourceConfig> config,
                                     ProcessorContext& context)
    : config_(std::move(config)),
      lane_(context.lane()),
      rename_(config_->rename.begin(), config_->rename.end()),
      drop_(config_->drop.begin(), config_->drop.end()) {
  const auto take = [this](const StringMap& pairs, bool replaces) {
    for (const auto& [name, value] : pairs) {
      Added& added = added_.emplace_back(Added{name, {}, replaces});
      otlp::append_text_attribute(added.field, otlp::resource::kAttributes, name, value);
    }
  };
  take(config_->add, false);
  take(config_->upsert, true);
}

void ResourceProcessor::process(Batch& batch, Next& next) noexcept {
  OtlpBatch* data = otlp_cast(batch);
  TR_ASSERT(data != nullptr);
  for (uint32_t i = 0; i < data->size; ++i) {
    data->resources[i] = edited(data->resources[i]);
  }
  if (data->size > 0) {
    next.push(batch);
  }
  otlp::release_if_large(message_);
}

std::string_view ResourceProcessor::edited(std::string_view message) {
  find_names(message);
  message_.clear();
  bool is_first = true;
  RawFields fields(message);
  while (fields.next()) {
    if (!fields.is_bytes(otlp::resource_x::kResource)) {
      message_.append(fields.raw());
      continue;
    }
    resource_.clear();
    append_attributes(fields.content(), resource_);
    if (std::exchange(is_first, false)) {
      append_added(resource_);
    }
    append_field(message_, otlp::resource_x::kResource, resource_);
  }
  if (is_first) {  // it came without
    resource_.clear();
    append_added(resource_);
    if (!resource_.empty()) {
      append_field(message_, otlp::resource_x::kResource, resource_);
    }
  }
  return message_ == message ? message : lane_.arena().copy(message_);
}

void ResourceProcessor::find_names(std::string_view message) {
  names_.clear();
  renamed_.clear();
  RawFields fields(message);
  while (fields.next()) {
    if (!fields.is_bytes(otlp::resource_x::kResource)) {
      continue;
    }
    RawFields within(fields.content());
    while (within.next()) {
      if (within.is_bytes(otlp::resource::kAttributes)) {
        const std::string_view name = key_of(within.content());
        if (const auto found = rename_.find(name); found != rename_.end()) {
          renamed_.push_back(found->second);
        } else {
          names_.push_back(name);
        }
      }
    }
  }
}

bool ResourceProcessor::is_there(std::string_view name) const noexcept {
  return (contains(names_, name) || contains(renamed_, name)) && !drop_.contains(name);
}

void ResourceProcessor::append_attributes(std::string_view resource, std::string& out) {
  RawFields fields(resource);
  while (fields.next()) {
    if (fields.is_bytes(otlp::resource::kAttributes)) {
      append_attribute(fields.raw(), fields.content(), out);
    } else {
      out.append(fields.raw());
    }
  }
}

void ResourceProcessor::append_attribute(std::string_view raw, std::string_view pair,
                                         std::string& out) {
  const std::string_view name = key_of(pair);
  const auto renamed = rename_.find(name);
  const std::string_view new_name = renamed != rename_.end() ? renamed->second : name;
  const auto replaces = [new_name](const Added& added) {
    return added.replaces && added.name == new_name;
  };
  if (drop_.contains(new_name) || std::ranges::any_of(added_, replaces)) {
    return;
  }
  if (renamed == rename_.end()) {
    if (!contains(renamed_, name)) {  // else another one takes its name
      out.append(raw);
    }
    return;
  }
  std::string changed;
  append_field(changed, otlp::key_value::kKey, new_name);
  RawFields fields(pair);
  while (fields.next()) {
    if (!fields.is_bytes(otlp::key_value::kKey)) {
      changed.append(fields.raw());
    }
  }
  append_field(out, otlp::resource::kAttributes, changed);
}

void ResourceProcessor::append_added(std::string& out) {
  for (const Added& added : added_) {
    if (added.replaces || !is_there(added.name)) {
      out.append(added.field);
    }
  }
}

namespace {
constexpr Signal kSignals[] = {Signal::logs, Signal::metrics, Signal::traces};
}  // namespace

}  // namespace tailrace::processors::resource

namespace tailrace {

extern const PluginDescriptor processors_resource_plugin;
const PluginDescriptor processors_resource_plugin =
    define_processor<processors::resource::ResourceProcessor, processors::resource::ResourceConfig>(
        {.name = "resource",
         .summary = "Adds, renames and drops attributes of OpenTelemetry's resources.",
         .signals = processors::resource::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true,
         .forms = common::otlp::kForms},
        processors::resource::resource_schema);

}  // namespace tailrace
