#pragma once

#include <optional>
#include <string_view>

#include "tailrace/http.h"

#include "plugins/inputs/otlp/otlp_config.h"

namespace tailrace::inputs::otlp {

/// Whether the text is what the pattern says, where `*` stands for any characters.
bool matches(std::string_view pattern, std::string_view text) noexcept;

/// Headers for the answer to a request of an allowed page; none for others.
Headers cors_headers(const CorsConfig& config, const HttpRequestHead& head);

/// When this is a browser's question whether it may send: the headers that answer it.
/// Source: Fetch standard, "CORS protocol".
std::optional<Headers> preflight_headers(const CorsConfig& config, const HttpRequestHead& head);

}  // namespace tailrace::inputs::otlp
