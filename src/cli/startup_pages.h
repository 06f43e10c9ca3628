#pragma once

namespace tailrace::cli {

/// Gives back the pages of program and libraries that only the start has needed: linking, TLS
/// set-up, option tables, YAML. They are clean pages of files, so what is needed after all comes
/// back from the page cache when it is touched. Pages that were written to are left alone.
void release_startup_pages() noexcept;

}  // namespace tailrace::cli
