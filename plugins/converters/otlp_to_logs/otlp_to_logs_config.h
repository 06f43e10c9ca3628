#pragma once

#include "tailrace/config_schema.h"

namespace tailrace::converters::otlp_to_logs {

struct OtlpToLogsConfig {
  /// As Loki's own OTLP endpoint has them.
  /// Source: Loki pkg/loghttp/push, default_resource_attributes_as_index_labels.
  StringList labels = {"service.name",
                       "service.namespace",
                       "service.instance.id",
                       "deployment.environment",
                       "deployment.environment.name",
                       "cloud.region",
                       "cloud.availability_zone",
                       "container.name",
                       "k8s.cluster.name",
                       "k8s.namespace.name",
                       "k8s.pod.name",
                       "k8s.container.name",
                       "k8s.replicaset.name",
                       "k8s.deployment.name",
                       "k8s.statefulset.name",
                       "k8s.daemonset.name",
                       "k8s.cronjob.name",
                       "k8s.job.name"};
};

const Schema& otlp_to_logs_schema();

}  // namespace tailrace::converters::otlp_to_logs
