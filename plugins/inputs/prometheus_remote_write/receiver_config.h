#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"
#include "tailrace/plugin.h"

namespace tailrace::inputs::prometheus_remote_write {

/// When a client is told that its body is safe.
enum class Ack : uint8_t {
  settled,   ///< When every output has delivered it, or holds it on disk.
  accepted,  ///< As soon as it was read and checked.
};

struct ReceiverConfig {
  std::string listen;
  std::optional<TlsServerConfig> tls;
  uint32_t max_connections = 1024;
  Duration idle_timeout = std::chrono::seconds(60);
  std::string tenant_label;
  Ack ack = Ack::settled;
  Duration reply_timeout = std::chrono::seconds(25);
  ByteSize max_body_size{10 << 20};
  std::optional<ByteSize> max_decompressed_size;

  /// What a body may become when it is unpacked.
  uint64_t max_decompressed_bytes() const noexcept {
    return max_decompressed_size ? max_decompressed_size->bytes : 6 * max_body_size.bytes;
  }
  void validate(const ConfigValue& at, ConfigContext& context) const;
  std::vector<ListenAddress> listens() const { return {{"listen", listen}}; }
};

const Schema& receiver_schema();

}  // namespace tailrace::inputs::prometheus_remote_write
