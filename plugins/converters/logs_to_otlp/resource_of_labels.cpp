#include "plugins/converters/logs_to_otlp/resource_of_labels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::converters::logs_to_otlp {

namespace otlp = common::otlp;
using otlp::append_field;

namespace {

using Name = std::pair<std::string_view, std::string_view>;

constexpr std::array<Name, 8> kAttributeNames{{{"namespace", "k8s.namespace.name"},
                                               {"pod", "k8s.pod.name"},
                                               {"pod_uid", "k8s.pod.uid"},
                                               {"container", "k8s.container.name"},
                                               {"container_id", "container.id"},
                                               {"node", "k8s.node.name"},
                                               {"host", "host.name"},
                                               {"service_name", "service.name"}}};
constexpr std::array<Name, 2> kOfRecords{
    {{"stream", "log.iostream"}, {"filename", "log.file.path"}}};

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kUnknownService = "unknown_service";
constexpr std::array<std::string_view, 14> kServiceLabels = {"service",
                                                             "app",
                                                             "application",
                                                             "app_name",
                                                             "name",
                                                             "app_kubernetes_io_name",
                                                             "container",
                                                             "container_name",
                                                             "k8s_container_name",
                                                             "component",
                                                             "workload",
                                                             "job",
                                                             "k8s_job_name",
                                                             "pod"};

template <size_t N>
std::string_view look_up(const std::array<Name, N>& names, std::string_view label) noexcept {
  const auto found = std::ranges::find(names, label, &Name::first);
  return found == names.end() ? std::string_view() : found->second;
}

std::string_view service_of(const Labels& labels) noexcept {
  for (const std::string_view label : kServiceLabels) {
    if (const std::string_view value = labels.get(label); !value.empty()) {
      return value;
    }
  }
  return kUnknownService;
}

}  // namespace

void encode_stream(const Labels& labels, const LogsToOtlpConfig& config, EncodedStream& out) {
  std::string resource;
  bool has_service = false;
  for (const Label& label : labels.pairs()) {
    std::string_view name = look_up(kAttributeNames, label.name);
    if (const auto wanted = config.attributes.find(std::string(label.name));
        wanted != config.attributes.end()) {
      name = wanted->second;
    } else if (const std::string_view of_record = look_up(kOfRecords, label.name);
               !of_record.empty()) {
      otlp::append_text_attribute(out.record_attributes, otlp::log_record::kAttributes, of_record,
                                  label.value);
      continue;
    }
    name = name.empty() ? label.name : name;
    has_service = has_service || name == kServiceName;
    otlp::append_text_attribute(resource, otlp::resource::kAttributes, name, label.value);
  }
  if (!has_service) {
    otlp::append_text_attribute(resource, otlp::resource::kAttributes, kServiceName,
                                service_of(labels));
  }
  append_field(out.resource, otlp::resource_x::kResource, resource);
}

}  // namespace tailrace::converters::logs_to_otlp
