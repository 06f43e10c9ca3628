#include "plugins/processors/labels/labels.h"

#include <doctest/doctest.h>

#include "testkit/processor_bench.h"

namespace tailrace {
extern const PluginDescriptor processors_labels_plugin;
}

using namespace tailrace;
using namespace tailrace::processors::labels;
using tailrace::testkit::ProcessorBench;
using Set = std::map<std::string, std::string>;

namespace {

Set after(const LabelsConfig& config, const Set& before) {
  ProcessorBench subject(processors_labels_plugin, config);
  return subject.run_lines({"line"}, before).at(0).labels;
}

}  // namespace

TEST_CASE("labels: add sets and replaces") {
  CHECK(after({.add = {{"cluster", "prod"}, {"app", "b"}}}, {{"app", "a"}, {"pod", "p"}}) ==
        Set{{"app", "b"}, {"cluster", "prod"}, {"pod", "p"}});
}

TEST_CASE("labels: rename moves a value, replaces what has the name, and can swap") {
  CHECK(after({.rename = {{"app", "service"}}}, {{"app", "a"}}) == Set{{"service", "a"}});
  CHECK(after({.rename = {{"app", "service"}}}, {{"app", "a"}, {"service", "old"}}) ==
        Set{{"service", "a"}});
  CHECK(after({.rename = {{"app", "service"}}}, {{"service", "old"}}) == Set{{"service", "old"}});
  CHECK(after({.rename = {{"a", "b"}, {"b", "a"}}}, {{"a", "1"}, {"b", "2"}}) ==
        Set{{"a", "2"}, {"b", "1"}});
}

TEST_CASE("labels: drop and keep") {
  CHECK(after({.drop = {"pod", "nothing"}}, {{"app", "a"}, {"pod", "p"}}) == Set{{"app", "a"}});
  CHECK(after({.keep = {"app"}}, {{"app", "a"}, {"pod", "p"}}) == Set{{"app", "a"}});
  CHECK(after({.keep = {"app"}, .add = {{"cluster", "c"}}}, {{"pod", "p"}}) ==
        Set{{"cluster", "c"}});
  CHECK(after({.drop = {"app"}}, {{"app", "a"}}).empty());
}

TEST_CASE("labels: named groups become labels") {
  const LabelsConfig config{
      .extract = {{"filename", "^/srv/(?P<app>[^/]+)/(?:(?P<part>\\w+)-)?[^/]*\\.log$"}}};
  CHECK(after(config, {{"filename", "/srv/shop/web-1.log"}}) ==
        Set{{"filename", "/srv/shop/web-1.log"}, {"app", "shop"}, {"part", "web"}});
  CHECK(after(config, {{"filename", "/srv/shop/1.log"}}) ==
        Set{{"filename", "/srv/shop/1.log"}, {"app", "shop"}});
  CHECK(after(config, {{"filename", "/else"}}) == Set{{"filename", "/else"}});
  CHECK(after(config, {{"x", "y"}}) == Set{{"x", "y"}});
}

TEST_CASE("labels: a group may replace the label that it was taken from") {
  CHECK(after({.extract = {{"pod", "^(?P<pod>.*)-[a-z0-9]+-[a-z0-9]{5}$"}}},
              {{"pod", "cart-5d8f9c-x2k4q"}}) == Set{{"pod", "cart"}});
}

TEST_CASE("labels: a container's path gives namespace, pod and container") {
  const LabelsConfig config{.from_path = "filename", .drop = {"filename"}};
  CHECK(after(config, {{"filename", "/var/log/pods/shop_cart-0_11-22/app/0.log"}}) ==
        Set{{"namespace", "shop"}, {"pod", "cart-0"}, {"container", "app"}});
  CHECK(after(config, {{"filename", "/var/log/syslog"}, {"host", "h"}}) == Set{{"host", "h"}});
}

TEST_CASE("labels: the steps run in the documented order") {
  CHECK(after({.extract = {{"filename", "/(?P<app>[^/]+)/[^/]+$"}},
               .rename = {{"app", "service"}},
               .drop = {"filename"},
               .keep = {"service", "filename"},
               .add = {{"env", "test"}}},
              {{"filename", "/srv/shop/x.log"}, {"other", "1"}}) ==
        Set{{"service", "shop"}, {"env", "test"}});
}

TEST_CASE("labels: the result is the same interned set for every batch of a stream") {
  ProcessorBench subject(processors_labels_plugin, LabelsConfig{.add = {{"env", "e"}}});
  const Label before[] = {{"app", "a"}};
  const Label after[] = {{"app", "a"}, {"env", "e"}};
  const LabelsPtr source = subject.lane().labels().intern(before);
  const LabelsPtr wanted = subject.lane().labels().intern(after);
  struct Last final : Next {
    void push(Batch& batch) noexcept override { labels = batch_cast<LogBatch>(batch)->labels; }
    void filtered(Weight) noexcept override {}
    void refuse(Weight, std::string_view, std::string_view) noexcept override {}
    const Labels* labels = nullptr;
  } last;
  for (int i = 0; i < 2; ++i) {
    LogBatch batch;
    batch.labels = source.get();
    subject.processor().process(batch, last);
    CHECK(last.labels == wanted.get());
  }
}

TEST_CASE("labels: sets leave the interner when their streams are gone") {
  ProcessorBench there(processors_labels_plugin, LabelsConfig{.add = {{"env", "e"}}});
  for (int i = 0; i < 100; ++i) {
    CHECK(there.run_lines({"x"}, {{"pod", std::to_string(i)}}).size() == 1);
  }
  CHECK(there.lane().labels().size() <= 1);
}

TEST_CASE("labels: a config with nothing to do is refused") {
  ConfigIssues issues;
  ConfigContext context{issues, "processors.l"};
  LabelsConfig{}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 1);
  LabelsConfig{.drop = {"a"}}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 1);
}
