#include "net/resolver.h"

#include <algorithm>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

namespace tailrace::net {

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kFreshNs = 30 * kSecondNs;
constexpr int64_t kRetryLookupNs = 1 * kSecondNs;  // after a failure
constexpr int64_t kForgetNs = 600 * kSecondNs;
constexpr size_t kManyHosts = 256;
// A dead name server must not take all worker threads, which fsync and cold reads need too.
constexpr int kMostAtOnce = 2;

bool is_localhost(const std::string& host) {
  return host == "localhost" || host == "localhost." || host.ends_with(".localhost");
}

}  // namespace

bool is_numeric_address(const std::string& host) {
  const std::string without_zone = host.substr(0, host.find('%'));
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, without_zone.c_str(), &address) == 1;
}

Resolver::Resolver(Lane& lane, Lookup lookup) : lane_(lane), lookup_(std::move(lookup)) {}

Resolver::~Resolver() = default;

Result<std::vector<std::string>> Resolver::system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    return fail(ErrorCode::network,
                fmt::format("cannot resolve \"{}\": {}", host, gai_strerror(code)));
  }
  std::vector<std::string> addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof(text), nullptr, 0,
                    NI_NUMERICHOST) == 0 &&
        std::ranges::find(addresses, text) == addresses.end()) {
      addresses.emplace_back(text);
    }
  }
  freeaddrinfo(list);
  if (addresses.empty()) {
    return fail(ErrorCode::network, fmt::format("cannot resolve \"{}\": no addresses", host));
  }
  return addresses;
}

void Resolver::resolve(const std::string& host, Done done) {
  if (is_numeric_address(host)) {
    done(std::make_shared<const std::vector<std::string>>(1, host));
    return;
  }
  if (is_localhost(host)) {
    done(std::make_shared<const std::vector<std::string>>(
        std::vector<std::string>{"127.0.0.1", "::1"}));
    return;
  }
  const int64_t now = lane_.clock().monotonic_ns();
  if (entries_.size() >= kManyHosts) {
    forget_unused(now);
  }
  Entry& entry = entries_[host];
  entry.used_ns = now;
  const int64_t age = now - entry.answered_ns;
  if (entry.answered && entry.failed && age < kRetryLookupNs) {
    // Asked a moment ago: the old answer if there is one, else the failure.
    const Result<Addresses> again =
        entry.addresses ? Result<Addresses>(entry.addresses)
                        : Result<Addresses>(tl::unexpected<Error>(entry.last_error));
    done(again);
    return;
  }
  if (entry.addresses && !entry.distrusted) {
    if (age >= kFreshNs || entry.failed) {
      start(host);
    }
    done(entry.addresses);
    return;
  }
  entry.waiting.push_back(std::move(done));
  start(host);
}

void Resolver::distrust(const std::string& host) {
  const auto found = entries_.find(host);
  if (found != entries_.end()) {
    found->second.distrusted = true;
  }
}

void Resolver::start(const std::string& host) {
  Entry& entry = entries_[host];
  if (entry.looking) {
    return;
  }
  entry.looking = true;
  queued_.push_back(host);
  start_queued();
}

void Resolver::start_queued() {
  while (under_way_ < kMostAtOnce && !queued_.empty()) {
    ++under_way_;
    auto answer = std::make_shared<Result<std::vector<std::string>>>();
    const std::string host = std::move(queued_.front());
    queued_.pop_front();
    lane_.offload([answer, host, lookup = lookup_] { *answer = lookup(host); },
                  [this, answer, host, alive = std::weak_ptr<char>(alive_)] {
                    if (alive.expired()) {
                      return;
                    }
                    --under_way_;
                    start_queued();
                    take(host, std::move(*answer));
                  });
  }
}

void Resolver::take(const std::string& host, Result<std::vector<std::string>> answer) {
  Entry& entry = entries_[host];
  entry.looking = false;
  entry.distrusted = false;
  entry.answered = true;
  entry.answered_ns = lane_.clock().monotonic_ns();
  entry.failed = !answer.has_value();
  if (answer) {
    entry.addresses = std::make_shared<const std::vector<std::string>>(std::move(*answer));
  } else {
    entry.last_error = std::move(answer.error());
  }
  const Result<Addresses> result = entry.addresses
                                       ? Result<Addresses>(entry.addresses)
                                       : Result<Addresses>(tl::unexpected<Error>(entry.last_error));
  const std::weak_ptr<char> alive = alive_;
  for (Done& waiter : std::exchange(entry.waiting, {})) {
    waiter(result);
    if (alive.expired()) {
      return;
    }
  }
}

void Resolver::forget_unused(int64_t now) {
  std::erase_if(entries_, [now](const auto& item) {
    return !item.second.looking && now - item.second.used_ns > kForgetNs;
  });
}

}  // namespace tailrace::net
