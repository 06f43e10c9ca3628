#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/lane.h"
#include "tailrace/result.h"

namespace tailrace::net {

/// Numeric addresses of one host, in the order in which they should be tried.
using Addresses = std::shared_ptr<const std::vector<std::string>>;

/// Looks host names up on worker threads, and remembers the answers of this lane.
///
/// Fresh for 30 s. After that the old answer is still handed out while a new one is fetched, so a
/// slow name server holds nobody up; when the server fails, the old one stays in use. Numeric
/// addresses and `localhost` are never looked up.
///
/// Lane: the one given.
class Resolver {
 public:
  using Done = std::function<void(const Result<Addresses>&)>;
  /// Blocking, on a worker thread: the addresses of a name.
  using Lookup = std::function<Result<std::vector<std::string>>(const std::string& host)>;

  /// `lookup` is the system's unless a test brings its own.
  explicit Resolver(Lane& lane, Lookup lookup = system_lookup);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `host` as in Url::host. May call back before it returns. Not called once this object is gone.
  void resolve(const std::string& host, Done done);
  /// Connecting to what we handed out failed: the next resolve() waits for a new answer (or, when
  /// there is none, takes the old one).
  void distrust(const std::string& host);

  static Result<std::vector<std::string>> system_lookup(const std::string& host);

 private:
  struct Entry {
    Addresses addresses;  // null until the first success
    Error last_error;
    bool answered = false;  // success or failure
    int64_t answered_ns = 0;
    int64_t used_ns = 0;
    bool failed = false;      // the last answer was a failure
    bool distrusted = false;  // do not serve without asking again
    bool looking = false;
    std::vector<Done> waiting;
  };
  void start(const std::string& host);
  void start_queued();
  void take(const std::string& host, Result<std::vector<std::string>> answer);
  void forget_unused(int64_t now);

  Lane& lane_;
  Lookup lookup_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> queued_;
  int under_way_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// True for an IPv4 or IPv6 address in text form.
bool is_numeric_address(const std::string& host);

}  // namespace tailrace::net
