#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"
#include "tailrace/plugin.h"

namespace tailrace::common::receiver {

/// When a client is told that its body is safe.
enum class Ack : uint8_t {
  settled,   ///< When every output has delivered it, or holds it on disk.
  accepted,  ///< As soon as it was read and checked.
};

/// Where to listen for HTTP.
struct ListenConfig {
  std::string listen;
  std::optional<TlsServerConfig> tls;
  uint32_t max_connections = 1024;
  Duration idle_timeout = std::chrono::seconds(60);
};

/// How bodies are taken, whichever way they come in.
struct BodyConfig {
  std::string tenant_label;
  Ack ack = Ack::settled;
  Duration reply_timeout = std::chrono::seconds(30);
  ByteSize max_body_size{10 << 20};
  std::optional<ByteSize> max_decompressed_size;

  /// What a body may become when it is unpacked.
  uint64_t max_decompressed_bytes() const noexcept {
    return max_decompressed_size ? max_decompressed_size->bytes : 6 * max_body_size.bytes;
  }
  void validate(const ConfigValue& at, ConfigContext& context) const;
};

/// Options of everything that takes bodies over HTTP alone. An input with other defaults derives
/// from it.
struct ReceiverConfig : ListenConfig, BodyConfig {
  std::vector<ListenAddress> listens() const { return {{"listen", listen}}; }
};

/// What the options' sentences say of one kind of client.
struct ReceiverWords {
  std::string address;         // "0.0.0.0:3100", an example
  std::string output;          // the output that passes a tenant on; "" = there are no tenants
  std::string client_timeout;  // what reply_timeout must stay below
};

/// What is wrong with a label's name, or "".
std::string label_name_complaint(const std::string& name);

/// The options of ListenConfig; C is it, or derives from it.
template <class C>
std::vector<Option<C>> listen_options(const std::string& example) {
  // Required, unless C knows a port that everybody expects.
  auto listen = option<C, std::string>(
      "listen", &C::listen,
      "Address and port, such as `" + example + "`. Port 0 takes any free one.");
  return {
      C().listen.empty() ? std::move(listen).required() : std::move(listen),
      object<C, TlsServerConfig>("tls", &C::tls, "Serve HTTPS.", tls_server_schema()),
      option<C, uint32_t>("max_connections", &C::max_connections,
                          "Clients connected at a time; one more waits until one goes.")
          .range("1", "100000"),
      option<C, Duration>("idle_timeout", &C::idle_timeout,
                          "A connection on which nothing moves for that long is closed.")
          .range("1s", "1h"),
  };
}

/// The options of BodyConfig; C is it, or derives from it.
template <class C>
std::vector<Option<C>> body_options(const ReceiverWords& words) {
  std::vector<Option<C>> options;
  if (!words.output.empty()) {
    options.push_back(option<C, std::string>(
                          "tenant_label", &C::tenant_label,
                          "Keep the client's tenant (header `X-Scope-OrgID`) as this label; an "
                          "output `" +
                              words.output +
                              "` with the same `tenant_label` passes it on. Empty: the tenant "
                              "is not looked at.")
                          .template check<std::string>(&C::tenant_label, label_name_complaint));
  }
  options.push_back(
      choice<C, Ack>("ack", &C::ack,
                     "When a client is answered: when every output has delivered its body or holds "
                     "it on disk, or as soon as it was checked (then a crash can lose what is not "
                     "on disk yet).",
                     {{"settled", Ack::settled}, {"accepted", Ack::accepted}}));
  options.push_back(
      option<C, Duration>("reply_timeout", &C::reply_timeout,
                          "A body that is not settled by then is answered with 503, so that the "
                          "client sends it again. Shorter than " +
                              words.client_timeout + ".")
          .range("100ms", "10m"));
  options.push_back(
      option<C, ByteSize>("max_body_size", &C::max_body_size, "Largest body, as it is sent.")
          .range("1KiB", "1GiB"));
  options.push_back(option<C, std::optional<ByteSize>>("max_decompressed_size",
                                                       &C::max_decompressed_size,
                                                       "Largest body after it was unpacked.")
                        .range("1KiB", "2GiB")
                        .default_shown("6 times max_body_size"));
  return options;
}

/// The option table of a receiver of bodies over HTTP; C is ReceiverConfig, or derives from it.
template <class C>
Schema receiver_schema(const ReceiverWords& words) {
  std::vector<Option<C>> options = listen_options<C>(words.address);
  for (Option<C>& option : body_options<C>(words)) {
    options.push_back(std::move(option));
  }
  return Schema::of<C>(std::move(options));
}

}  // namespace tailrace::common::receiver
