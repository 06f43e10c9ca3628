#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tailrace/result.h"
#include "tailrace/url.h"

namespace tailrace::net {

/// A URL that has been read.
struct Destination {
  Url url;
  std::string text;         // of `url`
  bool is_numeric = false;  // the host is an address
};

Result<Destination> read_destination(std::string_view url);

/// Reads URLs, and remembers them: the same few are called again and again.
class Destinations {
 public:
  Result<std::shared_ptr<const Destination>> find(std::string_view url);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::shared_ptr<const Destination>, Hash, std::equal_to<>> known_;
};

}  // namespace tailrace::net
