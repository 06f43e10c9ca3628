#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/labels.h"

#include "plugins/inputs/tail/replay_point.h"

namespace tailrace::inputs::tail {

/// What the path of a container's log says. Views into the path.
struct ContainerPath {
  std::string_view name_space;
  std::string_view pod;
  std::string_view container;
  std::string_view pod_uid;       // of a path under /var/log/pods
  std::string_view container_id;  // of a link under /var/log/containers
};

/// Reads both layouts of the kubelet, under any folder:
/// `<namespace>_<pod>_<uid>/<container>/<n>.log` and
/// `<pod>_<namespace>_<container>-<container ID>.log`.
/// Source: kubernetes pkg/kubelet/kuberuntime/helpers.go, legacy.go.
std::optional<ContainerPath> parse_container_path(std::string_view path) noexcept;

/// Names that the option `labels` may list.
const std::vector<std::string>& label_names();

/// Chooses a stream's labels. `path` is the one that the file was found under, `real_path` where it
/// is, without the suffix of a rotation. `wanted` empty: namespace, pod, container and stream of a
/// container's log, else filename, and stream when the format has streams.
///
/// Depends on its arguments only: a replay gives the same labels from the same paths.
std::vector<Label> choose_labels(std::string_view path, std::string_view real_path,
                                 bool has_streams, Stream stream,
                                 const std::vector<std::string>& wanted);

/// Of (namespace, pod, container), else of the real path: what keeps order, so what one lane owns.
uint64_t order_hash(std::string_view path, std::string_view real_path);

}  // namespace tailrace::inputs::tail
