#include "testkit/temp_folder.h"

#include <fstream>
#include <sstream>

namespace tailrace::testkit {

void TempFolder::write(const std::string& name, const std::string& content) const {
  const std::string part = path(name) + ".part";
  std::ofstream(part, std::ios::binary) << content;
  std::filesystem::rename(part, path(name));
}

std::string TempFolder::read(const std::string& name) const {
  std::ostringstream content;
  content << std::ifstream(path(name), std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace tailrace::testkit
