#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tailrace/config_schema.h"

#include "plugins/inputs/tail/framing_state.h"
#include "plugins/inputs/tail/lane_deal.h"

namespace tailrace::inputs::tail {

enum class StartAt : uint8_t { beginning, end };

struct TailConfig {
  StringList include;
  StringList exclude = {"*.gz", "*.tmp"};
  Format format = Format::unknown;  // auto
  StartAt start_at = StartAt::beginning;
  bool read_rotated = true;
  StringList labels;
  ByteSize max_line_size{256 * 1024};
  Duration partial_timeout = std::chrono::seconds(30);
  Duration rotate_wait = std::chrono::seconds(5);
  Duration rescan_interval = std::chrono::seconds(60);
  Duration ignore_older{0};
  ByteSize max_deleted_held{1024 * 1024 * 1024};
  bool exclude_self = true;

  /// Not an option: what the lanes of the input have in common.
  std::shared_ptr<LaneDeal> deal = std::make_shared<LaneDeal>();

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& tail_schema();

}  // namespace tailrace::inputs::tail
