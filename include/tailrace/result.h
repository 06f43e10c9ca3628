#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace tailrace {

/// Why something failed, for callers that branch. The message is for people.
enum class ErrorCode : uint8_t {
  invalid,      ///< The input (a config value, a payload, a line) breaks its format's rules.
  not_found,    ///< A file, a name or a key that is not there.
  unsupported,  ///< Well-formed, but newer or other than what we know.
  permission,   ///< The system refuses access.
  conflict,     ///< Somebody else holds it (a lock, a port).
  no_space,     ///< The disk is full or a quota is reached.
  limit,        ///< One of our own configured limits is reached.
  io,           ///< Any other failure of a file or device.
  network,      ///< Connecting, sending or receiving failed.
  timeout,      ///< It did not end in time.
  tls,          ///< A TLS handshake failed, or a certificate was not accepted.
  cancelled,    ///< We gave it up ourselves (shutdown, reload).
  corrupt,      ///< Our own state on disk does not verify.
  internal,     ///< A broken invariant that could be contained.
};

/// A short lower-case name such as "no_space", for metrics and log fields.
const char* to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(const Result&) = default;
  Result(Result&&) = default;  // NOLINT(performance-noexcept-move-constructor): when T's is
  Result& operator=(const Result&) = default;
  Result& operator=(Result&&) = default;  // NOLINT(performance-noexcept-move-constructor)
};

using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace tailrace
