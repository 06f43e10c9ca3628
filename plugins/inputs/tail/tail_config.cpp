#include "plugins/inputs/tail/tail_config.h"

#include <algorithm>

#include "plugins/inputs/tail/glob.h"
#include "plugins/inputs/tail/path_labels.h"

namespace tailrace::inputs::tail {
namespace {

std::string include_complaint(const StringList& patterns) {
  if (patterns.empty()) {
    return "needs at least one pattern";
  }
  for (const std::string& pattern : patterns) {
    if (const auto globs = parse_glob(pattern); !globs) {
      return '"' + pattern + "\" " + globs.error().message;
    }
  }
  return {};
}

std::string exclude_complaint(const StringList& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) {
      return "an empty pattern matches nothing";
    }
    if (pattern.find('/') == std::string::npos) {
      continue;
    }
    if (const auto globs = parse_glob(pattern); !globs) {
      return '"' + pattern + "\" " + globs.error().message;
    }
  }
  return {};
}

std::string labels_complaint(const StringList& names) {
  const std::vector<std::string>& known = label_names();
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string list;
      for (const std::string& one : known) {
        list += (list.empty() ? "" : ", ") + one;
      }
      return '"' + name + "\" is none of " + list;
    }
  }
  return {};
}

}  // namespace

void TailConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (format == Format::raw) {
    const ConfigValue* written = at.find("format");
    context.issues.warn(written != nullptr ? written->position : at.position, context.path,
                        "raw lines have no time of their own and get the time of reading: after a "
                        "crash, lines that were read again show twice");
  }
}

const Schema& tail_schema() {
  static const Schema schema = Schema::of<TailConfig>({
      option("include", &TailConfig::include,
             "Absolute paths of the files to read, with `*`, `?`, `[a-z]`, `{a,b}` and `**` (any "
             "number of directories).")
          .required()
          .check<StringList>(&TailConfig::include, include_complaint),
      option("exclude", &TailConfig::exclude,
             "Files to leave out: patterns of the file's name, or of its whole path when they "
             "contain a `/`.")
          .check<StringList>(&TailConfig::exclude, exclude_complaint),
      choice("format", &TailConfig::format,
             "How lines are wrapped. `auto` looks at the first line of each file.",
             {{"auto", Format::unknown},
              {"cri", Format::cri},
              {"docker", Format::docker},
              {"raw", Format::raw}}),
      choice("start_at", &TailConfig::start_at,
             "Where to begin in files that are there at the very first start. Those that appear "
             "later, also while tailrace is down, are always read from their beginning.",
             {{"beginning", StartAt::beginning}, {"end", StartAt::end}}),
      option("read_rotated", &TailConfig::read_rotated,
             "Read what rotations have put aside (`0.log.20260102-030405`, `app.log.1`, "
             "`app.log.2.gz`, ...) since tailrace first looked for the pattern, before the file "
             "itself, as far as it was not read before."),
      option("labels", &TailConfig::labels,
             "Stream labels: `namespace`, `pod`, `container`, `stream`, `filename`, `pod_uid`, "
             "`container_id`.")
          .default_shown("namespace, pod, container and stream of a container's log, else filename "
                         "(and stream, when the format has it)")
          .check<StringList>(&TailConfig::labels, labels_complaint),
      option("max_line_size", &TailConfig::max_line_size,
             "Longest line; what is over it is cut, marked with the structured metadata "
             "`tailrace_truncated` (its length in bytes) and counted.")
          .range("1KiB", "16MiB"),
      option("partial_timeout", &TailConfig::partial_timeout,
             "How long to wait for the rest of a line that the container's runtime has written in "
             "pieces, before what is there is sent.")
          .range("100ms", "1h"),
      option("rotate_wait", &TailConfig::rotate_wait,
             "How long a rotated or deleted file is watched for more lines after its last one.")
          .range("0s", "1h"),
      option("rescan_interval", &TailConfig::rescan_interval,
             "How often the patterns are looked up anew, whatever the kernel's events said.")
          .range("100ms", "1h"),
      option("ignore_older", &TailConfig::ignore_older,
             "Files that were not written for longer than this are not begun. 0 = begin all."),
      option("max_deleted_held", &TailConfig::max_deleted_held,
             "Most disk space that deleted files may take because they are not read to their end "
             "yet; beyond it the oldest are given up."),
      option("exclude_self", &TailConfig::exclude_self,
             "Leave out tailrace's own pod, which is recognized by POD_NAME (else the host name) "
             "and POD_NAMESPACE."),
  });
  return schema;
}

}  // namespace tailrace::inputs::tail
