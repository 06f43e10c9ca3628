#include "plugins/inputs/tail/restarts.h"

#include <charconv>

#include <fmt/format.h>

#include "plugins/inputs/tail/path_labels.h"

namespace tailrace::inputs::tail {

std::optional<std::string> RestartNumber::path(int64_t later) const {
  if (later < -int64_t{number}) {
    return std::nullopt;
  }
  return fmt::format("{}{}.log", directory, number + later);
}

std::optional<RestartNumber> restart_number(std::string_view real_path) {
  const auto container = parse_container_path(real_path);
  if (!container || container->pod_uid.empty()) {
    return std::nullopt;  // a link's name has no number
  }
  const size_t begin = real_path.rfind('/') + 1;
  const std::string_view name = real_path.substr(begin);
  RestartNumber found;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), found.number);
  if (error != std::errc() || name.substr(static_cast<size_t>(end - name.data())) != ".log") {
    return std::nullopt;
  }
  found.directory = real_path.substr(0, begin);
  return found;
}

}  // namespace tailrace::inputs::tail
