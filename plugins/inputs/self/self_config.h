#pragma once

#include <chrono>
#include <string>

#include "tailrace/config_schema.h"

namespace tailrace::inputs::self {

struct SelfConfig {
  Duration interval = std::chrono::seconds(15);
  std::string job = "tailrace";
  std::string instance;  // "" = the host's name
  StringMap labels;
};

const Schema& self_schema();

}  // namespace tailrace::inputs::self
