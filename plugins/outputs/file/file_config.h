#pragma once

#include <string>

#include "tailrace/config_schema.h"

#include "plugins/common/text/text_format.h"

namespace tailrace::outputs::file {

struct FileConfig {
  std::string path;
  common::text::TextFormat format = common::text::TextFormat::raw;
  ByteSize max_size{100 << 20};
  uint32_t max_files = 5;
  bool sync = true;
};

const Schema& file_schema();

}  // namespace tailrace::outputs::file
