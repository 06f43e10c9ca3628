#pragma once

#include "tailrace/config_schema.h"

/// Tables that several tables of client options hold.
namespace tailrace::net {

const Schema& basic_auth_schema();
const Schema& authorization_schema();

}  // namespace tailrace::net
