#include "plugins/inputs/loki_push/loki_push_config.h"

#include "tailrace/labels.h"

namespace tailrace::inputs::loki_push {

namespace {
std::string label_name_complaint(const std::string& name) {
  return name.empty() || is_label_name(name)
             ? std::string()
             : "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
}
}  // namespace

void LokiPushConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (max_decompressed_size && *max_decompressed_size < max_body_size) {
    context.fail(at, "max_decompressed_size is smaller than max_body_size");
  }
}

const Schema& loki_push_schema() {
  static const Schema schema = Schema::of<LokiPushConfig>({
      option("listen", &LokiPushConfig::listen,
             "Address and port, such as `0.0.0.0:3100`. Port 0 takes any free one.")
          .required(),
      object("tls", &LokiPushConfig::tls, "Serve HTTPS.", tls_server_schema()),
      option("max_connections", &LokiPushConfig::max_connections,
             "Clients connected at a time; one more is turned away.")
          .range("1", "100000"),
      option("idle_timeout", &LokiPushConfig::idle_timeout,
             "A connection on which nothing moves for that long is closed.")
          .range("1s", "1h"),
      option("tenant_label", &LokiPushConfig::tenant_label,
             "Keep the client's tenant (header `X-Scope-OrgID`) as this label; an output `loki` "
             "with the same `tenant_label` passes it on. Empty: the tenant is not looked at.")
          .check<std::string>(&LokiPushConfig::tenant_label, label_name_complaint),
      choice("ack", &LokiPushConfig::ack,
             "When a client is answered: when every output has delivered its body or holds it on "
             "disk, or as soon as it was checked (then a crash can lose what is not on disk yet).",
             {{"settled", Ack::settled}, {"accepted", Ack::accepted}}),
      option("reply_timeout", &LokiPushConfig::reply_timeout,
             "A body that is not settled by then is answered with 503, so that the client sends it "
             "again. Shorter than the clients' own timeout.")
          .range("100ms", "10m"),
      option("max_body_size", &LokiPushConfig::max_body_size, "Largest body, as it is sent.")
          .range("1KiB", "1GiB"),
      option("max_decompressed_size", &LokiPushConfig::max_decompressed_size,
             "Largest body after it was unpacked.")
          .range("1KiB", "2GiB")
          .default_shown("6 times max_body_size"),
  });
  return schema;
}

}  // namespace tailrace::inputs::loki_push
