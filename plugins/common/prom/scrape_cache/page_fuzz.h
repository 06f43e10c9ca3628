#pragma once

#include <string_view>

namespace tailrace::common::prom {

/// Gives any bytes to a scrape cache as pages. The first byte chooses format and options, the
/// second where the rest is cut into two pages and into chunks. Checks what must hold of any page:
/// the cuts do not matter, a page is taken as a whole or not at all, and the cache is of use
/// afterwards.
void fuzz_pages(std::string_view bytes);

}  // namespace tailrace::common::prom
