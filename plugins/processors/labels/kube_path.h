#pragma once

#include <optional>
#include <string_view>

namespace tailrace::processors::labels {

struct KubePath {
  std::string_view name_space;
  std::string_view pod;
  std::string_view container;
};

/// What the path of a container's log says, by kubelet's two layouts:
///   …/pods/<namespace>_<pod>_<pod uid>/<container>/<restart count>.log[.<rotation>]
///   …/containers/<pod>_<namespace>_<container>-<64 hex digits>.log
/// Names hold no `_`, the container's may hold `-`. Views point into `path`.
/// Source: kubernetes pkg/kubelet/kuberuntime/helpers.go, legacy.go.
std::optional<KubePath> parse_kube_path(std::string_view path) noexcept;

}  // namespace tailrace::processors::labels
