#include <map>
#include <string>

#include <doctest/doctest.h>

#include "plugins/inputs/tail/glob.h"
#include "plugins/inputs/tail/path_labels.h"
#include "plugins/inputs/tail/restarts.h"
#include "plugins/inputs/tail/rotation_name.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;

TEST_CASE("glob: names") {
  CHECK(match_name("*.log", "app.log"));
  CHECK(match_name("*.log", ".log"));
  CHECK_FALSE(match_name("*.log", "app.log.1"));
  CHECK(match_name("a?c*", "abcdef"));
  CHECK_FALSE(match_name("a?c", "ac"));
  CHECK(match_name("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(match_name("*a*b", "abba"));
  CHECK(match_name("[a-c]x", "bx"));
  CHECK_FALSE(match_name("[!a-c]x", "bx"));
  CHECK(match_name("[]x]", "]"));
  CHECK(match_name("[a-]", "-"));
  CHECK(match_name("[", "["));
  CHECK(match_name("\\*", "*"));
  CHECK_FALSE(match_name("\\*", "a"));
  CHECK(match_name("", ""));
  CHECK_FALSE(match_name("", "a"));
}

TEST_CASE("glob: paths") {
  const auto matches = [](const char* pattern, const char* path) {
    const auto globs = parse_glob(pattern);
    REQUIRE(globs);
    for (const Glob& glob : *globs) {
      if (match_path(glob, path)) {
        return true;
      }
    }
    return false;
  };
  CHECK(matches("/var/log/*.log", "/var/log/a.log"));
  CHECK_FALSE(matches("/var/log/*.log", "/var/log/b/a.log"));
  CHECK(matches("/var/**/*.log", "/var/a.log"));
  CHECK(matches("/var/**/*.log", "/var/log/b/a.log"));
  CHECK_FALSE(matches("/var/**/x/*.log", "/var/log/a.log"));
  CHECK(matches("/var/log/**", "/var/log/b/a.txt"));
  CHECK(matches("/var/{log,lib}/{a,b}.log", "/var/lib/b.log"));
  CHECK_FALSE(matches("/var/{log,lib}/a.log", "/var/run/a.log"));
  CHECK(matches("/a/{b,{c,d}}/e", "/a/d/e"));
  CHECK_FALSE(parse_glob("relative/*.log"));
  CHECK_FALSE(parse_glob(""));
  CHECK_FALSE(parse_glob("/var/log/"));
  CHECK_FALSE(parse_glob("/var/../etc/x"));
  CHECK_FALSE(parse_glob("/var/{log"));
}

TEST_CASE("glob: exclusions are for names or for whole paths") {
  const Excludes excludes({"*.gz", "/var/log/private/**"});
  CHECK(excludes.match("/var/log/app.log.1.gz"));
  CHECK(excludes.match("/var/log/private/a/b.log"));
  CHECK_FALSE(excludes.match("/var/log/app.log"));
}

TEST_CASE("rotated names: kubelet, docker, logrotate, log4j, lumberjack") {
  const auto base = [](const char* name) {
    const auto parsed = parse_rotated(name);
    return parsed ? parsed->base : std::string("-");
  };
  CHECK(base("0.log.20260102-030405") == "0.log");
  CHECK(base("0.log.20260102-030405.gz") == "0.log");
  CHECK(base("app.log.1") == "app.log");
  CHECK(base("app.log.12.gz") == "app.log");
  CHECK(base("app.log-20260102") == "app.log");
  CHECK(base("app.log-20260102-1767323045.gz") == "app.log");
  CHECK(base("app.log.2026-01-02") == "app.log");
  CHECK(base("audit-2026-01-02T03-04-05.678.log") == "audit.log");
  CHECK(base("audit-2026-01-02T03-04-05.678.log.gz") == "audit.log");
  CHECK(base("a-b-json.log.1") == "a-b-json.log");
  for (const char* name : {"app.log", "0.log", "app.log.gz", "app.log.tmp", "app.log.0", ".1",
                           "app.log.20260102-030405.tmp", "app-1.log", "a.log.123456"}) {
    CHECK_MESSAGE(base(name) == "-", name);
  }
  CHECK(parse_rotated("0.log.20260102-030405")->certain);
  CHECK_FALSE(parse_rotated("app.log.1")->certain);
  CHECK(parse_rotated("app.log.2.gz")->gzip);
}

TEST_CASE("rotated names: the order of age") {
  const auto older = [](const char* a, const char* b) {
    return is_older(*parse_rotated(a), *parse_rotated(b));
  };
  CHECK(older("a.log.10.gz", "a.log.9") == true);
  CHECK(older("a.log.1", "a.log.2") == false);
  CHECK(older("0.log.20260102-030405.gz", "0.log.20260102-030406") == true);
  CHECK(older("a.log.1", "a.log-20260102") == std::nullopt);
}

TEST_CASE("container paths: both layouts of the kubelet") {
  const std::string id(64, 'a');
  const auto pods = parse_container_path("/var/log/pods/shop_web-0_12-34/app/7.log");
  REQUIRE(pods);
  CHECK(pods->name_space == "shop");
  CHECK(pods->pod == "web-0");
  CHECK(pods->pod_uid == "12-34");
  CHECK(pods->container == "app");
  const std::string link = "/var/log/containers/web-0_shop_my-app-" + id + ".log";
  const auto linked = parse_container_path(link);
  REQUIRE(linked);
  CHECK(linked->name_space == "shop");
  CHECK(linked->pod == "web-0");
  CHECK(linked->container == "my-app");
  CHECK(linked->container_id == id);
  for (const char* path : {"/var/log/syslog", "/var/log/pods/a_b/app/0.log", "/x/a_b_c_d/app/0.log",
                           "/x/a_b_c/app/x.log", "/x/a_b_c-123.log", "/x/a_b_c-zz.log"}) {
    CHECK_MESSAGE(!parse_container_path(path), path);
  }
  // Names were cut to what a file system takes: the ID's end is missing.
  const std::string long_pod(180, 'p');
  std::string name = long_pod + "_shop_app-" + id;
  name = "/var/log/containers/" + name.substr(0, 251) + ".log";
  REQUIRE(parse_container_path(name));
  CHECK(parse_container_path(name)->pod == long_pod);
}

TEST_CASE("labels: by default the path's, else the file's name") {
  const auto labels = [](const std::string& path, const std::string& real, bool streams,
                         const std::vector<std::string>& wanted = {}) {
    std::map<std::string, std::string> out;
    for (const Label& label : choose_labels(path, real, streams, kStderr, wanted)) {
      out.emplace(label.name, label.value);
    }
    return out;
  };
  using Map = std::map<std::string, std::string>;
  const std::string pods = "/var/log/pods/shop_web-0_12-34/app/7.log";
  const Map container = {
      {"namespace", "shop"}, {"pod", "web-0"}, {"container", "app"}, {"stream", "stderr"}};
  CHECK(labels(pods, pods, true) == container);
  CHECK(labels("/links/x.log", pods, true) == container);
  CHECK(labels("/var/log/syslog", "/var/log/syslog", false) ==
        Map{{"filename", "/var/log/syslog"}});
  CHECK(labels("/d/x-json.log", "/d/x-json.log", true) ==
        Map{{"filename", "/d/x-json.log"}, {"stream", "stderr"}});
  const std::string link = "/c/web-0_shop_app-" + std::string(64, 'b') + ".log";
  CHECK(labels(link, pods, true, {"pod_uid", "container_id", "filename"}) ==
        Map{{"pod_uid", "12-34"}, {"container_id", std::string(64, 'b')}, {"filename", link}});
  CHECK(labels("/var/log/x", "/var/log/x", false, {"namespace"}) ==
        Map{{"filename", "/var/log/x"}});
}

TEST_CASE("restarts: the log of a container's next start") {
  const auto start = restart_number("/var/log/pods/shop_web_1/app/2.log");
  REQUIRE(start);
  CHECK(start->path(1) == "/var/log/pods/shop_web_1/app/3.log");
  CHECK(start->path(-2) == "/var/log/pods/shop_web_1/app/0.log");
  CHECK_FALSE(start->path(-3));
  CHECK_FALSE(restart_number("/var/log/pods/shop_web_1/app/99999999999.log"));
  CHECK_FALSE(restart_number("/var/log/2.log"));
  CHECK_FALSE(restart_number("/var/log/containers/web_shop_app-0123.log"));
}

TEST_CASE("order: a container's files belong to one lane, whatever their names") {
  const std::string link = "/c/web-0_shop_app-" + std::string(64, 'b') + ".log";
  const std::string zero = "/var/log/pods/shop_web-0_12-34/app/0.log";
  const std::string one = "/var/log/pods/shop_web-0_12-34/app/1.log";
  CHECK(order_hash(link, zero) == order_hash(one, one));
  CHECK(order_hash("/a", "/x") == order_hash("/b", "/x"));
  CHECK(order_hash("/a", "/x") != order_hash("/a", "/y"));
}
