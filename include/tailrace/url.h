#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/result.h"

namespace tailrace {

/// The parts of an http or https URL.
struct Url {
  std::string scheme;  ///< "http" or "https".
  std::string host;    ///< Lower case; an IPv6 address without its brackets.
  uint16_t port = 0;   ///< Always set; 80 or 443 where the text names none.
  std::string path;    ///< Starts with '/'; percent-escapes stay as they are.
  std::string query;   ///< Without '?'; "" = none.
};

/// Reads an absolute http or https URL. Refused, with a message for people: no scheme or another
/// one, no host, a bad port, credentials within the URL (they have options of their own, which are
/// never printed), blanks and control characters.
Result<Url> parse_url(std::string_view text);

/// `scheme://host[:port]/path[?query]`, the port left out where it is the scheme's own.
std::string to_string(const Url& url);

}  // namespace tailrace
