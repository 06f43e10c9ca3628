#include "plugins/inputs/tail/path_labels.h"

#include <algorithm>

#include "codec/hash.h"

namespace tailrace::inputs::tail {
namespace {

constexpr std::string_view kLogSuffix = ".log";
constexpr size_t kContainerIdSize = 64;
constexpr size_t kLongestFileName = 255;

/// Takes the last component off.
std::string_view pop(std::string_view& path) noexcept {
  const size_t slash = path.rfind('/');
  const std::string_view name = path.substr(slash == path.npos ? 0 : slash + 1);
  path = path.substr(0, slash == path.npos ? 0 : slash);
  return name;
}

/// Kubernetes names have no `_`, so exactly two of them separate three parts.
bool split3(std::string_view text, std::string_view (&parts)[3]) noexcept {
  const size_t first = text.find('_');
  const size_t second = first == text.npos ? text.npos : text.find('_', first + 1);
  if (second == text.npos || text.find('_', second + 1) != text.npos) {
    return false;
  }
  parts[0] = text.substr(0, first);
  parts[1] = text.substr(first + 1, second - first - 1);
  parts[2] = text.substr(second + 1);
  return !parts[0].empty() && !parts[1].empty() && !parts[2].empty();
}

std::optional<ContainerPath> parse_pods_path(std::string_view path) noexcept {
  const std::string_view file = pop(path);
  const std::string_view container = pop(path);
  const std::string_view pod = pop(path);
  const size_t digits = file.find_first_not_of("0123456789");
  std::string_view parts[3];
  if (digits == 0 || digits == file.npos || file.substr(digits) != kLogSuffix ||
      container.empty() || !split3(pod, parts)) {
    return std::nullopt;
  }
  return ContainerPath{parts[0], parts[1], container, parts[2], {}};
}

std::optional<ContainerPath> parse_link(std::string_view path) noexcept {
  const std::string_view file = pop(path);
  std::string_view parts[3];
  if (file.size() <= kLogSuffix.size() ||
      file.substr(file.size() - kLogSuffix.size()) != kLogSuffix ||
      !split3(file.substr(0, file.size() - kLogSuffix.size()), parts)) {
    return std::nullopt;
  }
  // The ID has no `-`, the container's name may. A name that was too long lost the ID's end.
  const size_t dash = parts[2].rfind('-');
  if (dash == parts[2].npos || dash == 0) {
    return std::nullopt;
  }
  const std::string_view id = parts[2].substr(dash + 1);
  const bool hex = id.find_first_not_of("0123456789abcdef") == id.npos;
  if (!hex || (id.size() != kContainerIdSize && file.size() < kLongestFileName)) {
    return std::nullopt;
  }
  return ContainerPath{parts[1], parts[0], parts[2].substr(0, dash), {}, id};
}

std::optional<ContainerPath> container_of(std::string_view path, std::string_view real_path) {
  auto found = parse_container_path(path);
  const auto real = parse_container_path(real_path);
  if (found && real && found->pod_uid.empty()) {
    found->pod_uid = real->pod_uid;  // a link's name has the ID, its target the UID
  }
  return found ? found : real;
}

}  // namespace

std::optional<ContainerPath> parse_container_path(std::string_view path) noexcept {
  auto found = parse_pods_path(path);
  return found ? found : parse_link(path);
}

const std::vector<std::string>& label_names() {
  static const std::vector<std::string> names = {"namespace", "pod",     "container",   "stream",
                                                 "filename",  "pod_uid", "container_id"};
  return names;
}

std::vector<Label> choose_labels(std::string_view path, std::string_view real_path,
                                 bool has_streams, Stream stream,
                                 const std::vector<std::string>& wanted) {
  const auto container = container_of(path, real_path);
  std::vector<Label> labels;
  const auto add = [&](std::string_view name, std::string_view value) {
    const bool chosen =
        !wanted.empty() && std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    const bool by_default = wanted.empty() && name != "pod_uid" && name != "container_id" &&
                            (name != "filename" || !container);
    if (!value.empty() && (chosen || by_default)) {
      labels.push_back({name, value});
    }
  };
  if (container) {
    add("namespace", container->name_space);
    add("pod", container->pod);
    add("container", container->container);
    add("pod_uid", container->pod_uid);
    add("container_id", container->container_id);
  }
  add("filename", path);
  if (has_streams) {
    add("stream", stream == kStderr ? "stderr" : "stdout");
  }
  if (labels.empty()) {
    labels.push_back({"filename", path});  // a stream without any label is refused by Loki
  }
  return labels;
}

uint64_t order_hash(std::string_view path, std::string_view real_path) {
  const auto container = container_of(path, real_path);
  if (!container) {
    return codec::stable_hash(real_path);
  }
  uint64_t hash = codec::stable_hash(container->name_space);
  hash = codec::stable_hash(container->pod, hash);
  return codec::stable_hash(container->container, hash);
}

}  // namespace tailrace::inputs::tail
