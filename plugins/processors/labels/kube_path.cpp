#include "plugins/processors/labels/kube_path.h"

#include <array>

namespace tailrace::processors::labels {

namespace {

/// Cuts `text` at every `separator` into exactly three parts, none empty.
std::optional<std::array<std::string_view, 3>> cut_in_three(std::string_view text,
                                                            char separator) noexcept {
  const size_t first = text.find(separator);
  const size_t second = first == text.npos ? text.npos : text.find(separator, first + 1);
  if (second == text.npos || text.find(separator, second + 1) != text.npos) {
    return std::nullopt;
  }
  const std::array parts{text.substr(0, first), text.substr(first + 1, second - first - 1),
                         text.substr(second + 1)};
  for (const std::string_view part : parts) {
    if (part.empty()) {
      return std::nullopt;
    }
  }
  return parts;
}

/// The last component of `path`, which is cut off it together with its slash.
std::string_view pop_component(std::string_view& path) noexcept {
  const size_t slash = path.rfind('/');
  const std::string_view last = slash == path.npos ? path : path.substr(slash + 1);
  path = slash == path.npos ? std::string_view() : path.substr(0, slash);
  return last;
}

}  // namespace

std::optional<KubePath> parse_kube_path(std::string_view path) noexcept {
  const std::string_view file = pop_component(path);
  const std::string_view folder = pop_component(path);
  if (folder == "containers") {
    const size_t dot = file.find(".log");
    const auto parts = cut_in_three(file.substr(0, dot), '_');
    if (!parts || dot == file.npos) {
      return std::nullopt;
    }
    // A name that was cut to the file system's limit lacks the end of the id, perhaps all of it.
    const std::string_view container_and_id = (*parts)[2];
    return KubePath{(*parts)[1], (*parts)[0],
                    container_and_id.substr(0, container_and_id.rfind('-'))};
  }
  const std::string_view pod_folder = pop_component(path);
  const auto parts = cut_in_three(pod_folder, '_');
  if (!parts || folder.empty() || pop_component(path) != "pods") {
    return std::nullopt;
  }
  return KubePath{(*parts)[0], (*parts)[1], folder};
}

}  // namespace tailrace::processors::labels
