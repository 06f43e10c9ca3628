#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/http.h"

#include "net/easy_handle.h"
#include "net/watched_files.h"

namespace tailrace::net {

/// Standard base64 with padding.
std::string base64(std::string_view bytes);

/// Percent-encoding of everything but unreserved characters, as in
/// application/x-www-form-urlencoded.
std::string percent_encoded(std::string_view text);

/// `Basic <base64 of user:password>`.
std::string basic_header_value(std::string_view user, std::string_view password);

/// All files that these options name.
std::vector<std::string> files_of(const HttpClientConfig& config);

/// The value of the Authorization header by `basic_auth` or `authorization`; "" = none.
std::string authorization_value(const HttpClientConfig& config,
                                const WatchedFiles::Contents& files);

/// Everything that a header is sent with.
std::vector<std::string> header_values(const HttpHeaderValues& header,
                                       const WatchedFiles::Contents& files);

TlsMaterial tls_material(const TlsClientConfig& config, const WatchedFiles::Contents& files);

/// True for a name that may stand in a header line.
bool is_header_name(std::string_view name);
/// True for a value without line breaks and NUL: whatever it came from, it stays one header.
bool is_header_value(std::string_view value);

}  // namespace tailrace::net
