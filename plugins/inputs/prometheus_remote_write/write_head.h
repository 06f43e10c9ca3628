#pragma once

#include <string>

#include "tailrace/http.h"

#include "plugins/common/prom/remote_write.h"

namespace tailrace::inputs::prometheus_remote_write {

/// Reads which version a request is of. No Content-Type, and one without `proto=`, mean 1.0; no
/// Content-Encoding means snappy, as Prometheus takes it. The error (unsupported) is for a 415.
/// Source: remote write 2.0, "Content-Type"; Prometheus storage/remote/write_handler.go.
Result<common::prom::WriteVersion> read_write_head(const HttpRequestHead& head);

/// Where others take remote write: Prometheus, Mimir and Cortex, Thanos.
bool is_write_path(std::string_view path) noexcept;

}  // namespace tailrace::inputs::prometheus_remote_write
