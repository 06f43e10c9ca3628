#include "plugins/inputs/loki_push/loki_push_config.h"

namespace tailrace::inputs::loki_push {

const Schema& loki_push_schema() {
  static const Schema schema = common::receiver::receiver_schema<LokiPushConfig>(
      {.address = "0.0.0.0:3100", .output = "loki", .client_timeout = "the clients' own timeout"});
  return schema;
}

}  // namespace tailrace::inputs::loki_push
