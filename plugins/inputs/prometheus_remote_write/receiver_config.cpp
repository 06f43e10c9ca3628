#include "plugins/inputs/prometheus_remote_write/receiver_config.h"

#include "tailrace/labels.h"

namespace tailrace::inputs::prometheus_remote_write {

namespace {
std::string label_name_complaint(const std::string& name) {
  return name.empty() || is_label_name(name)
             ? std::string()
             : "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
}
}  // namespace

void ReceiverConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (max_decompressed_size && *max_decompressed_size < max_body_size) {
    context.fail(at, "max_decompressed_size is smaller than max_body_size");
  }
}

const Schema& receiver_schema() {
  using C = ReceiverConfig;
  static const Schema schema = Schema::of<C>({
      option("listen", &C::listen,
             "Address and port, such as `0.0.0.0:9091`. Port 0 takes any free "
             "one.")
          .required(),
      object("tls", &C::tls, "Serve HTTPS.", tls_server_schema()),
      option("max_connections", &C::max_connections,
             "Clients connected at a time; one more is turned away.")
          .range("1", "100000"),
      option("idle_timeout", &C::idle_timeout,
             "A connection on which nothing moves for that long is closed.")
          .range("1s", "1h"),
      option("tenant_label", &C::tenant_label,
             "Keep the client's tenant (header `X-Scope-OrgID`) as this label; an output "
             "`prometheus_remote_write` with the same `tenant_label` passes it on. Empty: the "
             "tenant is not looked at.")
          .check<std::string>(&C::tenant_label, label_name_complaint),
      choice("ack", &C::ack,
             "When a client is answered: when every output has delivered its body or holds it on "
             "disk, or as soon as it was checked (then a crash can lose what is not on disk yet).",
             {{"settled", Ack::settled}, {"accepted", Ack::accepted}}),
      option("reply_timeout", &C::reply_timeout,
             "A body that is not settled by then is answered with 503, so that the client sends it "
             "again. Shorter than the clients' own `remote_timeout`.")
          .range("100ms", "10m"),
      option("max_body_size", &C::max_body_size, "Largest body, as it is sent.")
          .range("1KiB", "1GiB"),
      option("max_decompressed_size", &C::max_decompressed_size,
             "Largest body after it was unpacked.")
          .range("1KiB", "2GiB")
          .default_shown("6 times max_body_size"),
  });
  return schema;
}

}  // namespace tailrace::inputs::prometheus_remote_write
