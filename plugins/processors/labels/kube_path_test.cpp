#include "plugins/processors/labels/kube_path.h"

#include <string>

#include <doctest/doctest.h>

using tailrace::processors::labels::KubePath;
using tailrace::processors::labels::parse_kube_path;

namespace {
std::string parsed(std::string_view path) {
  const auto parts = parse_kube_path(path);
  return parts ? std::string(parts->name_space) + "|" + std::string(parts->pod) + "|" +
                     std::string(parts->container)
               : "none";
}
const std::string kId(64, 'a');
}  // namespace

TEST_CASE("kube_path: the pods folder, rotated files too") {
  CHECK(parsed("/var/log/pods/shop_cart-0_11-22/app/0.log") == "shop|cart-0|app");
  CHECK(parsed("/var/log/pods/shop_cart-0_11-22/app/3.log.20260102-030405.gz") ==
        "shop|cart-0|app");
  CHECK(parsed("/host/var/log/pods/kube-system_etcd_x/etcd/0.log") == "kube-system|etcd|etcd");
}

TEST_CASE("kube_path: the containers folder") {
  CHECK(parsed("/var/log/containers/cart-0_shop_my-app-" + kId + ".log") == "shop|cart-0|my-app");
  CHECK(parsed("containers/cart-0_shop_app-" + kId.substr(0, 20) + ".log") == "shop|cart-0|app");
}

TEST_CASE("kube_path: other paths are none") {
  for (const char* path : {"", "/", "/var/log/syslog", "/var/log/containers/x.log",
                           "/var/log/containers/a_b.log", "/var/log/containers/a_b_c_d-0.log",
                           "/var/log/containers/a_b_c-0.txt", "/var/log/pods/shop_cart/app/0.log",
                           "/var/log/pods/a_b_c_d/app/0.log", "/var/log/pods/_b_c/app/0.log",
                           "/var/log/other/shop_cart_1/app/0.log", "shop_cart_1/app/0.log"}) {
    CHECK_MESSAGE(parsed(path) == "none", path);
  }
}
