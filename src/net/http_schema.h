#pragma once

#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"

/// Tables that several tables of client options hold.
namespace tailrace::net {

const Schema& basic_auth_schema();
const Schema& authorization_schema();
/// All but the versions, which Prometheus has more of.
std::vector<Option<TlsClientConfig>> tls_client_options();
/// All but the proxy, which Prometheus has one of its own for.
std::vector<Option<OAuth2>> oauth2_options(const Schema& tls_schema);

}  // namespace tailrace::net
