#pragma once

#include "plugins/common/receiver/receiver_config.h"

namespace tailrace::inputs::loki_push {

using common::receiver::Ack;
using LokiPushConfig = common::receiver::ReceiverConfig;

const Schema& loki_push_schema();

}  // namespace tailrace::inputs::loki_push
