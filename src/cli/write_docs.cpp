#include "cli/write_docs.h"

#include <fstream>
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "config/components.h"
#include "config/docs.h"
#include "config/read_file.h"

namespace tailrace::cli {
namespace {

constexpr size_t kMaxPageBytes = 4 << 20;

/// One page while its marked parts are replaced.
class Page {
 public:
  static Result<Page> open(std::string path) {
    auto text = config::read_file(path, kMaxPageBytes);
    if (!text) {
      return fail(text.error().code,
                  fmt::format("{}: cannot be read: {}", path, text.error().message));
    }
    return Page(std::move(path), std::move(*text));
  }

  Status replace(std::string_view name, std::string_view table) {
    auto changed = config::replace_marked(text_, name, table);
    if (!changed) {
      return fail(changed.error().code, fmt::format("{}: {}", path_, changed.error().message));
    }
    text_ = std::move(*changed);
    return {};
  }

  const std::string& path() const { return path_; }
  bool changed() const { return text_ != before_; }

  Status write() const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file << text_;
    file.close();
    if (!file) {
      return fail(ErrorCode::io, fmt::format("{}: cannot be written", path_));
    }
    return {};
  }

 private:
  Page(std::string path, std::string text)
      : path_(std::move(path)), before_(std::move(text)), text_(before_) {}

  std::string path_;
  std::string before_;
  std::string text_;
};

Result<Page> plugin_page(const std::string& folder, const PluginDescriptor& plugin) {
  auto page = Page::open(fmt::format("{}/plugins/{}/{}/README.md", folder,
                                     config::section_name(plugin.kind), plugin.name));
  if (page) {
    if (Status done = page->replace("", config::options_table(plugin.schema())); !done) {
      return tl::unexpected<Error>(done.error());
    }
  }
  return page;
}

Result<Page> shared_page(const std::string& folder) {
  auto page = Page::open(folder + "/conf/README.md");
  if (page) {
    for (const auto& section : config::shared_sections()) {
      if (Status done = page->replace(section.name, section.table); !done) {
        return tl::unexpected<Error>(done.error());
      }
    }
  }
  return page;
}

}  // namespace

int write_docs(const std::string& folder, DocsMode mode, config::PluginTable plugins,
               std::ostream& out, std::ostream& err) {
  int result = kOk;
  const auto finish = [&](const Result<Page>& page) {
    if (!page) {
      err << page.error().message << "\n";
      result = kFailed;
    } else if (page->changed() && mode == DocsMode::check) {
      err << page->path() << ": the option tables are out of date; `tailrace docs --write "
          << folder << "` renews them\n";
      result = kFailed;
    } else if (page->changed()) {
      if (Status written = page->write(); !written) {
        err << written.error().message << "\n";
        result = kFailed;
      } else {
        out << page->path() << ": written\n";
      }
    }
  };
  finish(shared_page(folder));
  for (const PluginDescriptor* plugin : plugins) {
    finish(plugin_page(folder, *plugin));
  }
  return result;
}

}  // namespace tailrace::cli
