#include "plugins/inputs/prometheus_scrape/page_request.h"

#include <doctest/doctest.h>

#include "plugins/inputs/prometheus_scrape/scrape_bench_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;
using namespace tailrace::inputs::prometheus_scrape;
using test::header_of;
using namespace std::chrono_literals;

namespace {

ScrapeConfig job() {
  ScrapeConfig config;
  config.scrape_protocols = {ScrapeProtocol::openmetrics_1_0_0, ScrapeProtocol::openmetrics_0_0_1,
                             ScrapeProtocol::text_1_0_0, ScrapeProtocol::text_0_0_4};
  return config;
}

}  // namespace

TEST_CASE("page_request: asks as Prometheus 3 does") {
  CHECK(accept_header(job()) ==
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
        "*/*;q=0.2");
  ScrapeConfig protobuf = job();
  protobuf.scrape_protocols.insert(protobuf.scrape_protocols.begin(), ScrapeProtocol::proto);
  CHECK(accept_header(protobuf) ==
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
        "encoding=delimited;q=0.6,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
        "*/*;q=0.1");
  ScrapeConfig one = job();
  one.scrape_protocols = {ScrapeProtocol::text_0_0_4};
  CHECK(accept_header(one) == "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
}

TEST_CASE("page_request: names are escaped as the job says") {
  ScrapeConfig legacy = job();
  legacy.scrape_protocols = {ScrapeProtocol::text_1_0_0};
  legacy.metric_name_validation_scheme = NameValidation::legacy;
  CHECK(accept_header(legacy) == "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5");
  legacy.metric_name_escaping_scheme = NameEscaping::dots;
  CHECK(accept_header(legacy) == "text/plain;version=1.0.0;escaping=dots;q=0.6,*/*;q=0.5");
}

TEST_CASE("page_request: compression and timeout are in the headers") {
  ScrapeConfig config = job();
  Headers headers = request_headers(config, 10s);
  CHECK(header_of(headers, "Accept-Encoding") == "gzip");
  CHECK(header_of(headers, "X-Prometheus-Scrape-Timeout-Seconds") == "10");
  config.enable_compression = false;
  headers = request_headers(config, 1500ms);
  CHECK(header_of(headers, "Accept-Encoding") == "identity");
  CHECK(header_of(headers, "X-Prometheus-Scrape-Timeout-Seconds") == "1.5");
}

TEST_CASE("page_request: the Content-Type says the format") {
  const auto format = [](std::string_view type) { return page_format(type, std::nullopt).value(); };
  CHECK(format("text/plain; version=0.0.4; charset=utf-8") == PageFormat::text);
  CHECK(format("text/plain") == PageFormat::text);
  CHECK(format("Text/Plain;version=1.0.0;escaping=allow-utf-8") == PageFormat::text);
  CHECK(format("application/openmetrics-text; version=1.0.0") == PageFormat::openmetrics);
  CHECK(format("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
               "encoding=delimited") == PageFormat::protobuf);
}

TEST_CASE("page_request: without a known Content-Type only the fallback helps") {
  for (const char* type : {"", " ", "text/html", "application/json", "garbage", ";"}) {
    CHECK_FALSE(page_format(type, std::nullopt).has_value());
    CHECK(page_format(type, ScrapeProtocol::text_0_0_4).value() == PageFormat::text);
    CHECK(page_format(type, ScrapeProtocol::openmetrics_1_0_0).value() == PageFormat::openmetrics);
    CHECK(page_format(type, ScrapeProtocol::proto).value() == PageFormat::protobuf);
  }
  CHECK(page_format("", std::nullopt).error().message.find("fallback_scrape_protocol") !=
        std::string::npos);
}
