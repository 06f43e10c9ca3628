#include "plugins/inputs/prometheus_remote_write/receiver_config.h"

namespace tailrace::inputs::prometheus_remote_write {

const Schema& write_receiver_schema() {
  static const Schema schema = common::receiver::receiver_schema<WriteReceiverConfig>(
      {.address = "0.0.0.0:9091",
       .output = "prometheus_remote_write",
       .client_timeout = "the clients' own `remote_timeout`"});
  return schema;
}

}  // namespace tailrace::inputs::prometheus_remote_write
