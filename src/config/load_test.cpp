#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "config/agent_config.h"
#include "config/fake_plugins_test.h"

namespace tailrace::config {
namespace {

using fakes::errors_of;
using fakes::warnings_of;
using Lines = std::vector<std::string>;

constexpr const char* kGood =
    "inputs:\n"
    "  pods: {type: files, include: [/var/log/*.log]}\n"
    "outputs:\n"
    "  loki: {type: sink, url: http://loki:3100}\n"
    "pipelines:\n"
    "  logs: {inputs: [pods], outputs: [loki]}\n";

}  // namespace

TEST_CASE("Config: a small one, with everything at its default") {
  ConfigIssues issues;
  const auto config = load_text(kGood, fakes::table(), issues);
  REQUIRE(config);
  CHECK(issues.warnings().empty());
  CHECK(config->state_dir == "/var/lib/tailrace");
  CHECK(config->lanes == 1);
  CHECK(config->admin.listen == "0.0.0.0:2020");
  CHECK(config->shutdown_grace == std::chrono::seconds(20));
  CHECK(config->memory_limit.bytes > 0);
  CHECK(config->log.level == LogLevel::info);
  REQUIRE(config->inputs.size() == 1);
  CHECK(config->inputs[0].name == "pods");
  CHECK(config->inputs[0].plugin->name == "files");
  const auto* files = static_cast<const fakes::FilesConfig*>(config->inputs[0].config.get());
  CHECK(files->include == StringList{"/var/log/*.log"});
  REQUIRE(config->outputs.size() == 1);
  CHECK(config->outputs[0].output.memory.bytes == 16 << 20);
  CHECK(config->outputs[0].output.when_full == WhenFull::block);
  REQUIRE(config->pipelines.size() == 1);
  CHECK(config->pipelines[0].signal == Signal::logs);
  CHECK(config->pipelines[0].inputs == Lines{"pods"});
  CHECK(config->pipelines[0].processors.empty());
}

TEST_CASE("Config: the agent's own options, and those that outputs share") {
  ConfigIssues issues;
  const auto config = load_text(
      "agent:\n"
      "  state_dir: state\n"
      "  memory_limit: 128MiB\n"
      "  lanes: 2\n"
      "  shutdown_grace: 5s\n"
      "  admin: {listen: \"\"}\n"
      "  log: {level: warn, format: json}\n"
      "inputs:\n"
      "  pods: {type: files, include: /a}\n"
      "outputs:\n"
      "  loki:\n"
      "    type: sink\n"
      "    url: http://loki:3100\n"
      "    buffer: {memory: 8MiB, disk: 2GiB, when_full: drop_oldest}\n"
      "    batch: {bytes: 512KiB, linger: 200ms}\n"
      "    shards: 4\n"
      "    max_in_flight: 3\n"
      "    spool_after: {rereadable: 1m, live: 500ms}\n"
      "    retry: {min_backoff: 1s, max_backoff: 1m}\n"
      "    quarantine: /var/lib/refused\n"
      "pipelines:\n"
      "  logs: {inputs: pods, outputs: loki}\n",
      fakes::table(), issues);
  REQUIRE(config);
  CHECK(config->state_dir == "state");
  CHECK(config->memory_limit.bytes == 128 << 20);
  CHECK(config->memory_limit_origin == "config");
  CHECK(config->lanes == 2);
  CHECK(config->admin.listen.empty());
  CHECK(config->log.level == LogLevel::warn);
  CHECK(config->log.format == LogFormat::json);
  const OutputEngineConfig& engine = config->outputs[0].output;
  CHECK(engine.memory.bytes == 8 << 20);
  CHECK(engine.disk.bytes == uint64_t{2} << 30);
  CHECK(engine.when_full == WhenFull::drop_oldest);
  CHECK(engine.batch_bytes.bytes == 512 << 10);
  CHECK(engine.linger == std::chrono::milliseconds(200));
  CHECK(engine.shards == 4);
  CHECK(engine.max_in_flight == 3);
  CHECK(engine.spool_after == std::chrono::minutes(1));
  CHECK(engine.spool_after_unreadable == std::chrono::milliseconds(500));
  CHECK(engine.min_backoff == std::chrono::seconds(1));
  CHECK(engine.max_backoff == std::chrono::minutes(1));
  CHECK(engine.quarantine == "/var/lib/refused");
}

TEST_CASE("Config: all errors at once, in the order of the file") {
  CHECK(
      errors_of("pipelines:\n"
                "  logs: {inputs: [pod], outputs: [loki, lokki]}\n"
                "inputs:\n"
                "  pods: {type: flies, include: /a}\n"
                "outputs:\n"
                "  loki: {type: sink, timeuot: 5s, batch: {lingr: 1s}}\n"
                "  other: {type: files}\n"
                "agent: {lanes: 0}\n"
                "output: {}\n") ==
      Lines{"2:19 pipelines.logs.inputs[0]: no input is named \"pod\"; did you mean \"pods\"?",
            "2:41 pipelines.logs.outputs[1]: no output is named \"lokki\"; did you mean \"loki\"?",
            "4:16 inputs.pods.type: expected the type of an input, got \"flies\"; did you mean "
            "\"files\"?",
            "6:9 outputs.loki.url: is required",
            "6:22 outputs.loki.timeuot: unknown option; did you mean \"timeout\"?",
            "6:43 outputs.loki.batch.lingr: unknown option; did you mean \"linger\"?",
            "7:17 outputs.other.type: expected the type of an output, got \"files\"; files is an "
            "input type",
            "8:16 agent.lanes: must be from 1 to 256, got \"0\"",
            "9:1 output: unknown section; did you mean \"outputs\"?"});
}

TEST_CASE("Config: what is no configuration at all") {
  CHECK(errors_of("") == Lines{"1:1: the configuration is empty"});
  CHECK(errors_of("hello\n") ==
        Lines{"1:1: expected a map with inputs, outputs and pipelines, got \"hello\""});
  CHECK(errors_of("inputs: 5\noutputs: [a]\npipelines:\n") ==
        Lines{"1:9 inputs: expected a map of names to inputs, got \"5\"",
              "2:10 outputs: expected a map of names to outputs, got a list",
              "3:1 pipelines: no pipeline is defined; join inputs and outputs by name: `logs: "
              "{inputs: [pods], outputs: [loki]}`"});
  CHECK(errors_of("inputs: {a: 5, b: {include: /x}}\npipelines: {p: {inputs: [a, b]}}\n") ==
        Lines{"1:13 inputs.a: expected a map with a type, got \"5\"",
              "1:19 inputs.b.type: is required; known: files, receiver, hub",
              "2:16 pipelines.p.outputs: is required"});
}

TEST_CASE("Config: names") {
  CHECK(errors_of("inputs: {9pods: {type: files, include: /a}, ok_-1: {type: files, include: /a}}\n"
                  "outputs: {a b: {type: sink, url: u}}\n"
                  "pipelines: {p.q: {inputs: [9pods, ok_-1], outputs: [a b]}}\n")
            .size() == 3);
  CHECK(errors_of("inputs: {a: {type: files, include: /a}, a: {type: files, include: /a}}\n"
                  "outputs: {a: {type: sink, url: u}}\n"  // an output may be called as an input
                  "pipelines: {p: {inputs: [a], outputs: [a]}}\n") ==
        Lines{"1:41 inputs.a: this key is given twice; the first is on line 1"});
}

TEST_CASE("Config: a value from a missing reference is told once") {
  unsetenv("TAILRACE_TEST_NONE");
  CHECK(errors_of("agent: {lanes: \"${env:TAILRACE_TEST_NONE}\"}\n" + std::string(kGood)).size() ==
        1);
}

TEST_CASE("Config: a plugin's complaint does not show what a reference stands for") {
  const auto complaint = [](const char* url) {
    setenv("TAILRACE_TEST_URL", url, 1);
    return errors_of(
        "inputs: {f: {type: files, include: /a}}\n"
        "outputs: {s: {type: sink, url: \"${env:TAILRACE_TEST_URL}\"}}\n"
        "pipelines: {p: {inputs: [f], outputs: [s]}}\n");
  };
  CHECK(complaint("http://u:hunter2@x /") ==
        Lines{"2:32 outputs.s.url: \"<secret>\" is no URL, because of \" /\""});
  CHECK(complaint("http://x hunter2hunter2") ==
        Lines{"2:32 outputs.s.url: is not accepted; why is not shown, since that would show what a "
              "${…} stands for"});
}

TEST_CASE("Config: checks across the options of a component") {
  CHECK(errors_of("inputs: {f: {type: files, include: /a}}\n"
                  "outputs:\n"
                  "  s: {type: sink, url: u, mode: safe, verify: false}\n"
                  "  r: {type: relay, retry: {min_backoff: 1m}}\n"
                  "  t: {type: relay, buffer: {memory: 64KiB}, batch: {bytes: 65KiB}}\n"
                  "  ok: {type: relay, buffer: {memory: 64KiB}}\n"
                  "pipelines: {p: {inputs: [f], outputs: [s, r, t, ok]}}\n") ==
        Lines{"3:6 outputs.s: mode: safe needs verify: true",
              "4:3 outputs.r: retry.min_backoff must not be longer than retry.max_backoff",
              "5:60 outputs.t.batch.bytes: must not be larger than buffer.memory, which is 64KiB"});
}

TEST_CASE("Pipelines: the signal follows from inputs and outputs, or is said") {
  const std::string parts =
      "inputs: {f: {type: files, include: /a}, h: {type: hub}}\n"
      "processors: {parse: {type: parse}, relabel: {type: relabel}}\n"
      "outputs: {sink: {type: sink, url: u}, store: {type: store}, relay: {type: relay}}\n"
      "pipelines:\n"
      "  all: {signal: logs, inputs: [f, h], processors: [parse], outputs: [sink, relay]}\n"
      "  metrics: {inputs: [h], processors: [relabel], outputs: [store]}\n";
  ConfigIssues issues;
  const auto config =
      load_text(parts + "  logs: {inputs: [h], outputs: [sink]}\n", fakes::table(), issues);
  REQUIRE(config);
  CHECK(config->pipelines[0].signal == Signal::logs);
  CHECK(config->pipelines[1].signal == Signal::metrics);
  CHECK(config->pipelines[2].signal == Signal::logs);
  CHECK(errors_of(parts + "  any: {inputs: [h], outputs: [relay]}\n") ==
        Lines{"7:3 pipelines.any: this pipeline could carry logs or metrics or traces; say which: "
              "`signal: logs`"});
  CHECK(errors_of(parts + "  old-traces: {inputs: [h], outputs: [relay]}\n") ==
        Lines{"7:3 pipelines.old-traces: this pipeline could carry logs or metrics or traces; say "
              "which: `signal: traces`"});
  const auto named = load_text(
      parts +
          "  traces: {inputs: [h], outputs: [relay]}\n  logs: {inputs: [f], outputs: [relay]}\n",
      fakes::table(), issues);
  REQUIRE(named);
  CHECK(named->pipelines[2].signal == Signal::traces);
  CHECK(named->pipelines[3].signal == Signal::logs);
  CHECK(
      errors_of(parts + "  none: {inputs: [f], outputs: [store]}\n") ==
      Lines{"7:3 pipelines.none: inputs and outputs have no signal in common; f gives logs, store "
            "takes metrics"});
  CHECK(errors_of(parts + "  wrong: {inputs: [f], processors: [relabel], outputs: [sink]}\n") ==
        Lines{"7:37 pipelines.wrong.processors[0]: \"relabel\" (type relabel) takes metrics, and "
              "this pipeline carries logs"});
  CHECK(errors_of(parts + "  said: {signal: metrics, inputs: [f], outputs: [sink]}\n") ==
        Lines{"7:36 pipelines.said.inputs[0]: \"f\" (type files) gives logs, and this pipeline "
              "carries metrics",
              "7:50 pipelines.said.outputs[0]: \"sink\" (type sink) takes logs, and this pipeline "
              "carries metrics"});
  CHECK(errors_of(parts + "  traces: {inputs: [h], outputs: [sink]}\n") ==
        Lines{"7:3 pipelines.traces: it is called traces, and could only carry logs: h gives logs "
              "or metrics or traces, sink takes logs; say `signal: logs` if that is meant"});
  CHECK(errors_of(parts + "  traces: {signal: logs, inputs: [h], outputs: [sink]}\n") == Lines{});
  CHECK(errors_of(parts + "  said: {signal: log, inputs: [f], outputs: [sink]}\n") ==
        Lines{"7:18 pipelines.said.signal: expected one of logs, metrics, traces, got \"log\"; did "
              "you mean \"logs\"?"});
}

TEST_CASE("Components: a type of another kind, or one that nobody needs here") {
  const auto hint = [](std::string_view type) {
    const auto lines = errors_of(fmt::format("processors: {{p: {{type: {}}}}}\n{}", type, kGood));
    return lines.empty() ? std::string() : lines[0].substr(lines[0].find("; ") + 2);
  };
  CHECK(hint("sink") == "sink is an output type");
  CHECK(hint("batch").find("outputs gather batches by themselves") != std::string::npos);
  CHECK(hint("memory_limiter").find("agent.memory_limit") != std::string::npos);
}

TEST_CASE("Pipelines: an output may take fewer signals than others of its type") {
  const auto text = [](std::string_view options, std::string_view pipeline) {
    return fmt::format(
        "inputs: {{h: {{type: hub}}}}\n"
        "outputs: {{o: {{type: switch, {}}}}}\n"
        "pipelines:\n"
        "  {}, inputs: [h], outputs: [o]}}\n",
        options, pipeline);
  };
  ConfigIssues issues;
  CHECK(errors_of(text("logs_to: x, traces_to: x", "p: {signal: traces")) == Lines{});
  CHECK(errors_of(text("logs_to: x, traces_to: x", "traces: {signal: traces")) == Lines{});
  CHECK(errors_of(text("logs_to: x", "p: {signal: metrics")) ==
        Lines{"4:47 pipelines.p.outputs[0]: \"o\" (type switch) takes logs, and this pipeline "
              "carries metrics"});
  CHECK(errors_of(text("logs_to: x", "traces: {processors: []")) ==
        Lines{"4:3 pipelines.traces: it is called traces, and could only carry logs: h gives logs "
              "or metrics or traces, o takes logs; say `signal: logs` if that is meant"});
  const auto inferred =
      load_text(text("traces_to: x", "p: {processors: []"), fakes::table(), issues);
  REQUIRE(inferred);
  CHECK(inferred->pipelines[0].signal == Signal::traces);
}

TEST_CASE("Pipelines: names of the wrong kind, named twice, or none") {
  const std::string parts =
      "inputs: {f: {type: files, include: /a}}\n"
      "outputs: {s: {type: sink, url: u}}\n"
      "pipelines:\n";
  CHECK(errors_of(parts + "  p: {inputs: [s], outputs: [f]}\n") ==
        Lines{"4:16 pipelines.p.inputs[0]: no input is named \"s\"; it is one of the outputs",
              "4:30 pipelines.p.outputs[0]: no output is named \"f\"; it is one of the inputs"});
  CHECK(errors_of(parts + "  p: {inputs: [f, f], outputs: s}\n") ==
        Lines{"4:19 pipelines.p.inputs[1]: \"f\" is named twice"});
  CHECK(errors_of(parts + "  p: {inputs: [], outputs: []}\n") ==
        Lines{"4:15 pipelines.p.inputs: a pipeline needs at least one input",
              "4:28 pipelines.p.outputs: a pipeline needs at least one output"});
  CHECK(errors_of(parts + "  p: {inputs: [f], outputs: [s], output: s}\n") ==
        Lines{"4:34 pipelines.p.output: unknown option; did you mean \"outputs\"?"});
}

TEST_CASE("Pipelines: what is in none gets a warning") {
  CHECK(warnings_of(std::string("processors: {parse: {type: parse}}\n") + kGood) ==
        Lines{"1:14 processors.parse: is in no pipeline and will not be started"});
}

TEST_CASE("Listeners: two on one port are refused, the admin port among them") {
  const auto with = [](std::string inputs, std::string agent = "") {
    return errors_of(agent + "inputs:\n" + inputs +
                     "outputs: {s: {type: sink, url: u}}\n"
                     "pipelines: {p: {inputs: [a, b], outputs: [s]}}\n");
  };
  CHECK(
      with("  a: {type: receiver, listen: \"127.0.0.1:3100\"}\n"
           "  b: {type: receiver, listen: \"0.0.0.0:3100\"}\n") ==
      Lines{"3:31 inputs.b.listen: 0.0.0.0:3100 is taken already by inputs.a.listen; see line 2"});
  CHECK(with("  a: {type: receiver, listen: \"127.0.0.1:3100\"}\n"
             "  b: {type: receiver, listen: \"127.0.0.2:3100\"}\n") == Lines{});
  CHECK(with("  a: {type: receiver, listen: \"127.0.0.1:0\"}\n"
             "  b: {type: receiver, listen: \"127.0.0.1:0\"}\n") == Lines{});
  CHECK(with("  a: {type: receiver, listen: \":2020\"}\n"
             "  b: {type: receiver}\n") ==
        Lines{"2:31 inputs.a.listen: :2020 is taken already by agent.admin.listen; that is its "
              "default"});
  CHECK(with("  a: {type: receiver, listen: \":2020\"}\n"
             "  b: {type: receiver}\n",
             "agent: {admin: {listen: \"\"}}\n") == Lines{});
  CHECK(with("  a: {type: receiver, listen: \"[::1]:3100\"}\n"
             "  b: {type: hub, http: {listen: \"[0::1]:3100\"}, signal: logs}\n")
            .size() == 1);  // `signal` is a pipeline's
  CHECK(
      with("  a: {type: receiver, listen: \"[::1]:3100\"}\n"
           "  b: {type: hub, http: {listen: \"[0::1]:3100\"}}\n") ==
      Lines{"3:33 inputs.b.http.listen: [0::1]:3100 is taken already by inputs.a.listen; see line "
            "2"});
  CHECK(with("  a: {type: receiver, listen: \"localhost:3100\"}\n"
             "  b: {type: receiver}\n")
            .size() == 1);
  CHECK(with("  a: {type: receiver, listen: 3100}\n"
             "  b: {type: hub, http: {listen: \"http://0.0.0.0:3101\"}}\n") ==
        Lines{"2:31 inputs.a.listen: expected an address such as 0.0.0.0:3100, got \"3100\"; did "
              "you mean \"0.0.0.0:3100\"?",
              "3:33 inputs.b.http.listen: expected an address such as 0.0.0.0:3100, got "
              "\"http://0.0.0.0:3101\""});
  CHECK(with("  a: {type: receiver, listen: \"*:3100\"}\n"
             "  b: {type: hub, http: {listen: \"[::1]:3100\"}}\n")
            .size() == 1);
  CHECK(with("  a: {type: receiver, listen: \"[fe80::1%eth0]:3100\"}\n"
             "  b: {type: hub, http: {listen: \"127.0.0.1:3100\"}}\n") == Lines{});
  CHECK(errors_of("agent: {admin: {listen: 2020}}\n" + std::string(kGood)) ==
        Lines{"1:25 agent.admin.listen: expected an address such as 0.0.0.0:2020"});
}

TEST_CASE("Memory: buffers that ask for more than the limit get a warning") {
  CHECK(
      warnings_of("agent: {memory_limit: 24MiB}\n"
                  "inputs: {f: {type: files, include: /a}}\n"
                  "outputs: {s: {type: sink, url: u}, r: {type: relay}}\n"
                  "pipelines: {p: {inputs: [f], outputs: [s, r]}}\n") ==
      Lines{"1:23 agent.memory_limit: the outputs' buffers ask for 32MiB of memory, more than the "
            "limit of 24MiB: each will get its share; lower buffer.memory of the outputs, or raise "
            "the limit"});
}

TEST_CASE("Config: from a file, and from one that is not there") {
  char name[] = "/tmp/tailrace_test_XXXXXX";
  const int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  close(fd);
  std::ofstream(name) << kGood;
  ConfigIssues issues;
  const auto config = load(name, fakes::table(), issues);
  unlink(name);
  REQUIRE(config);
  CHECK(config->file == name);
  CHECK_FALSE(load("/no/such/file.yaml", fakes::table(), issues));
  REQUIRE(issues.issues().size() == 1);
  CHECK(to_line("/no/such/file.yaml", issues.issues()[0]) ==
        "/no/such/file.yaml: cannot be read: No such file or directory");
}

TEST_CASE("Issues: as one line") {
  const ConfigIssue issue{{12, 7}, "outputs.loki.timeout", "expected a duration", "did you"};
  CHECK(to_line("conf/a.yaml", issue) ==
        "conf/a.yaml:12:7 outputs.loki.timeout: expected a duration; did you");
  CHECK(to_line("conf/a.yaml", issue, "warning") ==
        "conf/a.yaml:12:7 warning: outputs.loki.timeout: expected a duration; did you");
  CHECK(to_line("a.yaml", {{}, "", "gone", ""}) == "a.yaml: gone");
  CHECK(to_line("", {{}, "", "gone", ""}) == "gone");
  CHECK(
      errors_of("\"a\\nb\": 1\n" + std::string(kGood)) ==
      Lines{"1:1 a\\x0ab: unknown section; known: agent, inputs, processors, outputs, pipelines"});
}

}  // namespace tailrace::config
