#pragma once

#include <chrono>

#include "plugins/common/receiver/receiver_config.h"

namespace tailrace::inputs::prometheus_remote_write {

struct WriteReceiverConfig : common::receiver::ReceiverConfig {
  WriteReceiverConfig() { reply_timeout = std::chrono::seconds(25); }  // Prometheus waits 30 s
};

const Schema& write_receiver_schema();

}  // namespace tailrace::inputs::prometheus_remote_write
