#include "net/destination.h"

#include <utility>

#include "net/resolver.h"

namespace tailrace::net {

namespace {
// Some 400 bytes each. More of them (each call has its own query, say) are read anew.
constexpr size_t kMostRemembered = 4096;
}  // namespace

Result<Destination> read_destination(std::string_view text) {
  auto url = parse_url(text);
  if (!url) {
    return tl::unexpected<Error>(std::move(url.error()));
  }
  Destination made;
  made.text = to_string(*url);
  made.is_numeric = is_numeric_address(url->host);
  made.url = std::move(*url);
  return made;
}

Result<std::shared_ptr<const Destination>> Destinations::find(std::string_view url) {
  if (const auto known = known_.find(url); known != known_.end()) {
    return known->second;
  }
  auto read = read_destination(url);
  if (!read) {
    return tl::unexpected<Error>(std::move(read.error()));
  }
  auto made = std::make_shared<const Destination>(std::move(*read));
  if (known_.size() >= kMostRemembered) {
    known_.clear();
  }
  known_.emplace(url, made);
  return made;
}

}  // namespace tailrace::net
