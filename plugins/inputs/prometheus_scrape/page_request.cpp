#include "plugins/inputs/prometheus_scrape/page_request.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace::inputs::prometheus_scrape {

using common::prom::NameEscaping;
using common::prom::NameValidation;
using common::prom::PageFormat;
using common::prom::ScrapeConfig;
using common::prom::ScrapeProtocol;

namespace {

constexpr int kProtocols = 5;  // the first one's weight is 0.6

std::string_view media_type(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::text_0_0_4:
      return "text/plain;version=0.0.4";
    case ScrapeProtocol::text_1_0_0:
      return "text/plain;version=1.0.0";
    case ScrapeProtocol::openmetrics_0_0_1:
      return "application/openmetrics-text;version=0.0.1";
    case ScrapeProtocol::openmetrics_1_0_0:
      return "application/openmetrics-text;version=1.0.0";
    case ScrapeProtocol::proto:
      return "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
             "encoding=delimited";
  }
  return "text/plain;version=0.0.4";
}

PageFormat format_of(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::proto:
      return PageFormat::protobuf;
    case ScrapeProtocol::openmetrics_0_0_1:
    case ScrapeProtocol::openmetrics_1_0_0:
      return PageFormat::openmetrics;
    default:
      return PageFormat::text;
  }
}

/// What `metric_name_escaping_scheme` is when nothing says it.
NameEscaping escaping_of(const ScrapeConfig& job) {
  const bool legacy = job.metric_name_validation_scheme == NameValidation::legacy;
  return job.metric_name_escaping_scheme.value_or(legacy ? NameEscaping::underscores
                                                         : NameEscaping::allow_utf8);
}

}  // namespace

std::string accept_header(const ScrapeConfig& job) {
  std::string header;
  int tenths = kProtocols + 1;
  for (const ScrapeProtocol protocol : job.scrape_protocols) {
    header += media_type(protocol);
    // Only the newest text formats know of it.
    if (protocol == ScrapeProtocol::text_1_0_0 || protocol == ScrapeProtocol::openmetrics_1_0_0) {
      header += fmt::format(";escaping={}", to_string(escaping_of(job)));
    }
    header += fmt::format(";q=0.{},", tenths--);
  }
  return header + fmt::format("*/*;q=0.{}", tenths);
}

Headers request_headers(const ScrapeConfig& job, Duration timeout) {
  return {{"Accept", accept_header(job)},
          {"Accept-Encoding", job.enable_compression ? "gzip" : "identity"},
          {"X-Prometheus-Scrape-Timeout-Seconds",
           fmt::format("{}", std::chrono::duration<double>(timeout).count())}};
}

Result<PageFormat> page_format(std::string_view content_type,
                               std::optional<ScrapeProtocol> fallback) {
  const std::string type =
      codec::lower_case(codec::trimmed(content_type.substr(0, content_type.find(';'))));
  if (type == "application/openmetrics-text") {
    return PageFormat::openmetrics;
  }
  if (type == "application/vnd.google.protobuf") {
    return PageFormat::protobuf;
  }
  if (type == "text/plain") {
    return PageFormat::text;
  }
  if (fallback) {
    return format_of(*fallback);
  }
  if (codec::trimmed(content_type).empty()) {
    return fail(ErrorCode::unsupported,
                "the answer has no Content-Type; name its format by fallback_scrape_protocol");
  }
  return fail(ErrorCode::unsupported, fmt::format("unknown Content-Type \"{}\"; name the format by "
                                                  "fallback_scrape_protocol",
                                                  content_type.substr(0, 100)));
}

}  // namespace tailrace::inputs::prometheus_scrape
