#include "plugins/inputs/otlp/otlp_config.h"

#include <algorithm>
#include <utility>

namespace tailrace::inputs::otlp {

namespace {

const Schema& cors_schema() {
  using C = CorsConfig;
  static const Schema schema = Schema::of<C>({
      option(
          "allowed_origins", &C::allowed_origins,
          "Origins of pages whose scripts may send, such as `https://shop.example`; a `*` stands "
          "for any characters.")
          .required(),
      option("allowed_headers", &C::allowed_headers,
             "Headers that they may send beside Content-Type, Content-Encoding and those that need "
             "no permission; `*` allows all."),
      option("max_age", &C::max_age, "How long a browser may remember the permission.")
          .range("0s", "24h"),
  });
  return schema;
}

const Schema& http_schema() {
  using C = HttpDoorConfig;
  static const Schema schema = [] {
    auto options = common::receiver::listen_options<C>("0.0.0.0:4318");
    options.push_back(object<C, CorsConfig>(
        "cors", &C::cors, "Let scripts of web pages send (cross-origin requests).", cors_schema()));
    return Schema::of<C>(std::move(options));
  }();
  return schema;
}

const Schema& grpc_schema() {
  using C = GrpcDoorConfig;
  static const Schema schema = Schema::of<C>({
      option("listen", &C::listen,
             "Address and port, such as `0.0.0.0:4317`. Port 0 takes any free one."),
      object("tls", &C::tls, "Serve gRPC over TLS.", tls_server_schema()),
      option("max_message_size", &C::max_message_size,
             "Largest message, as it is sent; so much memory is set aside for each one that is on "
             "its way in.")
          .range("1KiB", "256MiB"),
      option("max_calls", &C::max_calls,
             "Calls at a time, those included that wait until their data is delivered or on disk; "
             "one more is told to come again.")
          .range("1", "100000"),
      option("read_timeout", &C::read_timeout,
             "A message that has not arrived as a whole by then is given up.")
          .range("1s", "10m"),
      option("idle_timeout", &C::idle_timeout,
             "A connection without calls is closed after that long.")
          .range("1s", "24h")
          .default_shown("never"),
      option("keepalive_time", &C::keepalive_time,
             "A client that has been silent for so long is asked whether it is still there.")
          .range("1s", "24h"),
      option("keepalive_timeout", &C::keepalive_timeout, "How long it may take to answer that.")
          .range("1s", "10m"),
  });
  return schema;
}

}  // namespace

void OtlpInputConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  BodyConfig::validate(at, context);
  if (!http && !grpc) {
    context.fail(at, "there is nothing to listen on",
                 "grpc: {listen: \"0.0.0.0:4317\"}, http: {listen: \"0.0.0.0:4318\"}");
  }
}

std::vector<ListenAddress> OtlpInputConfig::listens() const {
  std::vector<ListenAddress> all;
  if (grpc) {
    all.push_back({"grpc.listen", grpc->listen});
  }
  if (http) {
    all.push_back({"http.listen", http->listen});
  }
  return all;
}

const Schema& otlp_input_schema() {
  using C = OtlpInputConfig;
  static const Schema schema = [] {
    std::vector<Option<C>> options;
    options.push_back(object<C, GrpcDoorConfig>(
        "grpc", &C::grpc, "Take calls over gRPC: `Export` of the three services.", grpc_schema()));
    options.push_back(object<C, HttpDoorConfig>(
        "http", &C::http, "Take requests over HTTP: `/v1/traces`, `/v1/logs`, `/v1/metrics`.",
        http_schema()));
    for (auto& option : common::receiver::body_options<C>(
             {.address = {}, .output = {}, .client_timeout = "the clients' own timeout (10s)"})) {
      options.push_back(std::move(option));
    }
    return Schema::of<C>(std::move(options));
  }();
  return schema;
}

}  // namespace tailrace::inputs::otlp
