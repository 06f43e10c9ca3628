#include "plugins/outputs/file/file_config.h"

namespace tailrace::outputs::file {

namespace {

std::string path_complaint(const std::string& path) {
  if (path.empty() || path.back() == '/') {
    return "expected the path of a file";
  }
  return {};
}

}  // namespace

const Schema& file_schema() {
  using common::text::TextFormat;
  static const Schema schema = Schema::of<FileConfig>({
      option("path", &FileConfig::path, "The file to append to; its folders are made if missing.")
          .required()
          .check<std::string>(&FileConfig::path, path_complaint),
      choice("format", &FileConfig::format,
             "raw: only the lines; json: one object a line with time, labels and metadata; human: "
             "the same for people.",
             {{"raw", TextFormat::raw}, {"json", TextFormat::json}, {"human", TextFormat::human}}),
      option("max_size", &FileConfig::max_size,
             "A file that would grow beyond this is rotated first.")
          .range("4KiB", "1TiB"),
      option("max_files", &FileConfig::max_files,
             "Rotated files that are kept, as path.1 (the newest), path.2 and so on.")
          .range("1", "1000"),
      option("sync", &FileConfig::sync,
             "Whether a request counts as delivered only when it is on the disk (fdatasync). "
             "Without it, the last seconds may be gone after a power loss."),
  });
  return schema;
}

}  // namespace tailrace::outputs::file
