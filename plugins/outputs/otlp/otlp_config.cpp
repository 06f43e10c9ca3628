#include "plugins/outputs/otlp/otlp_config.h"

#include "tailrace/url.h"

#include "plugins/common/otlp/service.h"

namespace tailrace::outputs::otlp {

namespace {

std::string url_complaint(const std::string& url) {
  const auto parsed = url.empty() ? Result<Url>(Url()) : parse_url(url);
  return parsed ? std::string() : parsed.error().message;
}

std::string endpoint_complaint(const std::string& url) {
  if (const auto parsed = parse_url(url); parsed && !parsed->query.empty()) {
    return "an endpoint for all signals has no query: the signals' paths are put behind it";
  }
  return url_complaint(url);
}

/// What is most likely a slip: the port of the other protocol, or an endpoint of one signal without
/// the path, which nothing is put behind.
void warn_of_slips(std::string_view option, const std::string& url, Protocol protocol,
                   std::string_view path, const ConfigValue& at, ConfigContext& context) {
  const auto parsed = url.empty() ? Result<Url>(Url()) : parse_url(url);
  const ConfigValue* written = at.find(option);
  if (url.empty() || !parsed || written == nullptr || written->secret) {
    return;
  }
  const auto warn = [&](std::string message, std::string hint) {
    context.issues.warn(written->position, context.path + "." + std::string(option),
                        std::move(message), std::move(hint));
  };
  const bool over_grpc = protocol == Protocol::grpc;
  if (parsed->port == (over_grpc ? 4318 : 4317)) {
    warn(over_grpc ? "port 4318 is usually HTTP's, and the protocol is grpc"
                   : "port 4317 is usually gRPC's, and the protocol is http",
         over_grpc ? "protocol: http, or port 4317" : "protocol: grpc, or port 4318");
  } else if (!over_grpc && !path.empty() && parsed->path == "/") {
    warn("has no path, and nothing is put behind an endpoint of one signal",
         "usually it ends with " + std::string(path));
  }
}

}  // namespace

std::string OtlpOutputConfig::url_of(Signal signal) const {
  const std::string& own = signal == Signal::logs      ? logs_endpoint
                           : signal == Signal::metrics ? metrics_endpoint
                                                       : traces_endpoint;
  if (!own.empty() || endpoint.empty()) {
    return own;
  }
  if (protocol == Protocol::grpc) {
    return endpoint;
  }
  std::string url = endpoint;
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url.append(common::otlp::http_path(signal));
}

std::vector<Signal> OtlpOutputConfig::carries() const {
  std::vector<Signal> signals;
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    if (!url_of(signal).empty()) {
      signals.push_back(signal);
    }
  }
  return signals;
}

void OtlpOutputConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (std::string wrong = complaint(http); !wrong.empty()) {
    context.fail(at, std::move(wrong));
  }
  if (endpoint.empty() && traces_endpoint.empty() && logs_endpoint.empty() &&
      metrics_endpoint.empty()) {
    context.fail(at, "endpoint is missing", "endpoint: \"http://tempo:4318\"");
  }
  warn_of_slips("endpoint", endpoint, protocol, "", at, context);
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    const std::string option = std::string(to_string(signal)) + "_endpoint";
    if (at.find(option) != nullptr) {
      warn_of_slips(option, url_of(signal), protocol, common::otlp::http_path(signal), at, context);
    }
  }
  if (protocol == Protocol::grpc) {
    validate_grpc(at, context);
    return;
  }
  if (keepalive_time) {
    context.fail(at, "keepalive_time is for protocol grpc");
  }
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    const std::string path(common::otlp::http_path(signal));
    if (endpoint.ends_with(path)) {
      context.fail(at, "endpoint ends with " + path + ", which is put behind it anyway",
                   "leave it out, or name it as the signal's own endpoint");
    }
  }
}

void OtlpOutputConfig::validate_grpc(const ConfigValue& at, ConfigContext& context) const {
  if (compression == BodyCompression::zstd) {
    context.fail(at, "gRPC servers do not know zstd", "compression: gzip");
  }
  if (http.sigv4) {
    context.fail(at, "sigv4 is for protocol http");
  }
  for (const std::string& url : {endpoint, traces_endpoint, logs_endpoint, metrics_endpoint}) {
    const auto parsed = parse_url(url);
    if (!url.empty() && parsed && (parsed->path != "/" || !parsed->query.empty())) {
      context.fail(at, "with protocol grpc an endpoint has no path: " + url,
                   "endpoint: \"http://tempo:4317\"");
    }
  }
}

const Schema& otlp_output_schema() {
  using C = OtlpOutputConfig;
  static const Schema schema =
      Schema::of<C>(
          {
              choice("protocol", &C::protocol, "How to talk to the endpoints.",
                     {{"http", Protocol::http}, {"grpc", Protocol::grpc}}),
              option("endpoint", &C::endpoint,
                     "Where all signals go, such as `http://tempo:4318`: `/v1/traces`, `/v1/logs` "
                     "and `/v1/metrics` are put behind it. With protocol `grpc` no path: "
                     "`http://tempo:4317`, or `https://` for TLS.")
                  .check<std::string>(&C::endpoint, endpoint_complaint),
              option("traces_endpoint", &C::traces_endpoint,
                     "Where traces go instead, with the path.")
                  .check<std::string>(&C::traces_endpoint, url_complaint),
              option("logs_endpoint", &C::logs_endpoint, "Where logs go instead, with the path.")
                  .check<std::string>(&C::logs_endpoint, url_complaint),
              option("metrics_endpoint", &C::metrics_endpoint,
                     "Where metrics go instead, with the path.")
                  .check<std::string>(&C::metrics_endpoint, url_complaint),
              choice("compression", &C::compression,
                     "Of the body. Every server takes `gzip`; `zstd` costs a third of its CPU.",
                     {{"gzip", BodyCompression::gzip},
                      {"zstd", BodyCompression::zstd},
                      {"none", BodyCompression::none}}),
              option("timeout", &C::timeout, "Longest wait for an answer.").range("100ms", "10m"),
              option("keepalive_time", &C::keepalive_time,
                     "Over gRPC: a server that has been silent for so long while it owes an answer "
                     "is asked whether it is still there.")
                  .range("10s", "24h")
                  .default_shown("never"),
          })
          .with_part(&C::http, http_client_schema());
  return schema;
}

}  // namespace tailrace::outputs::otlp
