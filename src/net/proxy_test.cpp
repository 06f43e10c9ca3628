#include "net/proxy.h"

#include <map>

#include <doctest/doctest.h>

using namespace tailrace;

namespace {

/// The proxy's URL for `url`, by config or by this environment.
std::string chosen(const std::string& url, const std::string& proxy_url,
                   const std::string& no_proxy, std::map<std::string, std::string> variables) {
  const auto rules =
      net::ProxyRules::make(proxy_url, no_proxy, [&variables](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      });
  REQUIRE(rules.has_value());
  return rules->for_url(*parse_url(url)).url;
}

}  // namespace

TEST_CASE("Proxy: none without config or environment") {
  CHECK(chosen("http://loki/", "", "", {}).empty());
}

TEST_CASE("Proxy: by scheme from the environment, all_proxy for the rest") {
  CHECK(chosen("http://loki/", "", "", {{"http_proxy", "http://p:3128"}}) == "http://p:3128/");
  CHECK(chosen("https://loki/", "", "", {{"http_proxy", "http://p:3128"}}).empty());
  CHECK(chosen("https://loki/", "", "", {{"HTTPS_PROXY", "p:3128"}}) == "http://p:3128/");
  CHECK(chosen("http://loki/", "", "", {{"ALL_PROXY", "socks5://p"}}) == "socks5h://p:1080/");
  CHECK(chosen("http://loki/", "", "", {{"HTTP_PROXY", "http://p:3128"}}).empty());
}

TEST_CASE("Proxy: the config's goes before the environment's, with its own exceptions") {
  const std::map<std::string, std::string> environment = {{"http_proxy", "http://env:1"},
                                                          {"no_proxy", "loki"}};
  CHECK(chosen("http://loki/", "http://own:2", "", environment) == "http://own:2/");
  CHECK(chosen("http://loki/", "", "", environment).empty());
  CHECK(chosen("http://loki/", "http://own:2", "other, loki", environment).empty());
}

TEST_CASE("Proxy: what no_proxy covers") {
  CHECK(net::no_proxy_covers("*", "anything", 80));
  CHECK(net::no_proxy_covers("loki", "loki", 3100));
  CHECK(net::no_proxy_covers("svc", "loki.svc", 80));
  CHECK(net::no_proxy_covers(".svc.cluster.local", "loki.obs.svc.cluster.local", 80));
  CHECK(net::no_proxy_covers("*.svc", "loki.svc", 80));
  CHECK_FALSE(net::no_proxy_covers("oki", "loki", 80));
  CHECK_FALSE(net::no_proxy_covers("loki", "notloki", 80));
  CHECK(net::no_proxy_covers("loki:3100", "loki", 3100));
  CHECK_FALSE(net::no_proxy_covers("loki:3100", "loki", 80));
  CHECK(net::no_proxy_covers("10.0.0.0/8", "10.200.3.4", 80));
  CHECK_FALSE(net::no_proxy_covers("10.0.0.0/8", "11.0.0.1", 80));
  CHECK(net::no_proxy_covers("192.168.16.0/20", "192.168.31.255", 80));
  CHECK_FALSE(net::no_proxy_covers("192.168.16.0/20", "192.168.32.0", 80));
  CHECK(net::no_proxy_covers("fd00::/8", "fd12::1", 80));
  CHECK_FALSE(net::no_proxy_covers("10.0.0.0/8", "ten.example", 80));
  CHECK_FALSE(net::no_proxy_covers("10.0.0.0/99", "10.0.0.1", 80));
  CHECK(net::no_proxy_covers("127.0.0.1", "127.0.0.1", 80));
  CHECK(net::no_proxy_covers("::1", "::1", 80));
  CHECK(net::no_proxy_covers("[::1]:80", "::1", 80));
  CHECK_FALSE(net::no_proxy_covers("[::1]:80", "::1", 81));
  CHECK_FALSE(net::no_proxy_covers("", "loki", 80));
}

TEST_CASE("Proxy: parts to resolve and connect to") {
  const auto proxy = net::parse_proxy("http://user:pass@[FE80::1]:3128");
  REQUIRE(proxy.has_value());
  CHECK(proxy->host == "fe80::1");
  CHECK(proxy->port == 3128);
  CHECK(net::parse_proxy("https://p")->port == 443);
  CHECK_FALSE(net::parse_proxy("ftp://p").has_value());
  CHECK_FALSE(net::parse_proxy("http://").has_value());
}
