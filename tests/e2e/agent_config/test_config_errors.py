"""`tailrace check` finds everything that is wrong, and says where and what to do."""
import re
from pathlib import Path

import pytest

from harness.agent import run_tool
from harness.waiting import wait_until

TOP = Path(__file__).resolve().parents[3]
PLACE = re.compile(r"^(\S+\.yaml):(\d+):(\d+) ", re.MULTILINE)

GOOD = """\
agent:
  state_dir: {folder}/state
  admin: {{listen: "127.0.0.1:0"}}
inputs:
  files: {{type: tail, include: ["{folder}/*.log"]}}
outputs:
  loki: {{type: loki, url: "http://127.0.0.1:3100/loki/api/v1/push"}}
pipelines:
  logs: {{inputs: [files], outputs: [loki]}}
"""


def check(folder, text, command="check", env=None):
    """(exit code, what it said, {(line, column) of complaints})"""
    path = Path(folder) / "config.yaml"
    path.write_text(text)
    done = run_tool(command, "--config", path, env=env)
    said = done.stdout + done.stderr
    assert "terminate called" not in said and "Traceback" not in said, said
    return done.returncode, said, {(int(line), int(column))
                                   for _, line, column in PLACE.findall(said)}


@pytest.fixture
def good(tmp_path):
    (tmp_path / "state").mkdir()
    return GOOD.format(folder=tmp_path)


def test_a_good_config_passes(tmp_path, good):
    code, said, places = check(tmp_path, good)
    assert (code, places) == (0, set()), said


@pytest.mark.parametrize("was, becomes, place, words", [
    ("type: tail,", "type: tial,", (5, 10), ["tial", "tail"]),
    ("include:", "incldue:", (5, 23), ["incldue", "include"]),
    ("inputs: [files]", "inputs: [flies]", (9, 19), ["flies", "files"]),
    ("outputs: [loki]", "outputs: [lokki]", (9, 37), ["lokki", "loki"]),
    ("url: \"http://127.0.0.1:3100/loki/api/v1/push\"", "url: \"no url\"", (7, 28), ["url"]),
    ("url: \"http://127.0.0.1:3100/loki/api/v1/push\"", "tenant: x", (7, 9), ["url"]),
    ("type: loki,", "type: loki, timeout: 5,", (7, 30), ["duration", "5s"]),
    ("type: loki,", "type: loki, buffer: {memory: lots},", (7, 38), ["size", "lots"]),
    ("type: loki,", "type: loki, compression: zip,", (7, 34), ["snappy", "none"]),
    ("type: tail,", "type: tail, max_line_size: -1,", (5, 38), ["max_line_size"]),
    ("type: tail,", "type: tail, type: tail,", (5, 23), ["type"]),
    ("agent:\n", "agnet:\n", (1, 1), ["agnet", "agent"]),
])
def test_one_mistake_is_told_with_its_place(tmp_path, good, was, becomes, place, words):
    assert was in good
    code, said, places = check(tmp_path, good.replace(was, becomes, 1))
    assert code == 2, said
    assert place in places or any(abs(line - place[0]) == 0 for line, _ in places), said
    for word in words:
        assert word in said, said


def test_all_mistakes_are_told_at_once(tmp_path, good):
    broken = (good.replace("type: tail,", "type: tail, formatt: cri,")
              .replace("type: loki,", "type: loki, timeout: soon,")
              .replace("inputs: [files]", "inputs: [files, ghosts]"))
    code, said, places = check(tmp_path, broken)
    assert code == 2
    assert {line for line, _ in places} == {5, 7, 9}, said
    assert "format" in said and "soon" in said and "ghosts" in said


@pytest.mark.parametrize("text", [
    "", "just a string", "- a\n- list\n", "inputs: {\n", "inputs: [}\n", "\t- x", "a: *nowhere\n",
    "inputs:\n  x: 5\n", "inputs: {}\noutputs: {}\npipelines: {}\n", "\x00\x01\x02", "a: &a [*a]\n",
    "? {a: b}\n: c\n", "a: !!binary x\n" * 3,
])
def test_things_that_are_no_config_are_refused_politely(tmp_path, text):
    code, said, _ = check(tmp_path, text)
    assert code == 2, said
    assert said.strip()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    done = run_tool("check", "--config", tmp_path / "nothing.yaml")
    assert done.returncode == 2
    assert "nothing.yaml" in done.stderr + done.stdout


def test_two_listeners_on_one_port_are_refused(tmp_path, good):
    doubled = good.replace("inputs:\n", "inputs:\n"
                           "  a: {type: loki_push, listen: \"127.0.0.1:3501\"}\n"
                           "  b: {type: loki_push, listen: \"0.0.0.0:3501\"}\n", 1)
    doubled = doubled.replace("inputs: [files]", "inputs: [files, a, b]")
    code, said, places = check(tmp_path, doubled)
    assert code == 2 and "3501" in said, said
    assert {line for line, _ in places} & {5, 6}


def test_a_listener_on_the_admin_port_is_refused(tmp_path, good):
    doubled = good.replace("127.0.0.1:0", "127.0.0.1:3502").replace(
        "inputs:\n", "inputs:\n  a: {type: loki_push, listen: \"127.0.0.1:3502\"}\n", 1)
    doubled = doubled.replace("inputs: [files]", "inputs: [files, a]")
    code, said, _ = check(tmp_path, doubled)
    assert code == 2 and "3502" in said, said


def test_a_component_that_no_pipeline_uses_is_mentioned(tmp_path, good):
    unused = good.replace("outputs:\n", "outputs:\n  spare: {type: stdout}\n", 1)
    _, said, _ = check(tmp_path, unused)
    assert "spare" in said


def test_a_missing_environment_variable_is_told(tmp_path, good):
    code, said, _ = check(tmp_path, good.replace("type: loki,",
                                                 "type: loki, tenant: \"${env:NO_SUCH_NAME}\","))
    assert code == 2 and "NO_SUCH_NAME" in said


def test_a_secret_is_never_printed(tmp_path, good):
    secret = good.replace("type: loki,", "type: loki, timeout: x, basic_auth: "
                          "{username: u, password: \"hunter2\", passwrod: \"hunter3\"},")
    code, said, _ = check(tmp_path, secret)
    assert code == 2
    assert "hunter2" not in said and "passwrod" in said


def test_run_with_a_broken_config_starts_nothing(tmp_path, good):
    code, said, _ = check(tmp_path, good.replace("type: tail", "type: tial"), command="run")
    assert code == 2, said
    assert "listening" not in said
    assert not any((tmp_path / "state").iterdir())


def test_check_opens_no_port_and_writes_no_file(tmp_path, good):
    code, _, _ = check(tmp_path, good.replace("/state", "/not-made-yet"))
    assert code == 0
    assert not (tmp_path / "not-made-yet").exists()


def conf_files():
    return sorted((TOP / "conf").glob("*.yaml")) + sorted(TOP.glob("plugins/*/*/example.yaml"))


@pytest.mark.parametrize("path", conf_files(), ids=lambda p: str(p.relative_to(TOP)))
def test_shipped_configs_pass(path):
    env = {name: "x" for name in re.findall(r"\$\{env:(\w+)\}", path.read_text())}
    done = run_tool("check", "--config", path, env=env)
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_broken_config_of_a_running_agent_is_not_needed_to_go_on(agents, loki, node):
    """The agent reads its config once; later edits of the file do it no harm."""
    from harness.configs import tail_to_loki
    agent = agents(tail_to_loki(node.glob, loki)).start()
    agent.config_path.write_text("broken: [")
    lines = node.container().write_many(3)
    loki.wait_lines(lines)
    wait_until(agent.running, "it runs on")


OTLP = """
agent: {{state_dir: "{folder}/state"}}
inputs:
  apps: {{type: otlp, grpc: {{}}, http: {{}}}}
outputs:
  tempo: {{type: otlp, protocol: grpc, endpoint: "http://tempo:4317"}}
pipelines:
  traces: {{inputs: [apps], outputs: [tempo]}}
"""


def test_a_pipeline_of_otlp_needs_no_more_than_its_name(tmp_path):
    code, said, _ = check(tmp_path, OTLP.format(folder=tmp_path))
    assert code == 0 and "pipeline traces (traces): apps -> tempo" in said, said


@pytest.mark.parametrize("was, becomes, place, words", [
    ("traces:", "audit-traces:", (8, 3), ["signal: traces"]),
    ("http://tempo", "tempo", (6, 49), ["http://"]),
    ("type: otlp, protocol: grpc", "type: otlphttp", (6, 17), ['did you mean "otlp"']),
    ("protocol: grpc", "tls: {insecure: true}", (6, 23), ['did you mean "tls_config"']),
    ("http: {}", "http: {listen: \"0.0.0.0:4317\"}", (4, 47), ["grpc.listen"]),
    ("http: {}", "http: {endpoint: \"0.0.0.0:4318\"}", (4, 39), ['did you mean "listen"']),
    ("http: {}", "http: {listen: 4318}", (4, 47), ['did you mean "0.0.0.0:4318"']),
    ("http: {}", "http: {listen: \"http://0.0.0.0:4318\"}", (4, 47), ["such as 0.0.0.0:"]),
    ("http: {}", "http: {tls: {cert_file: /dev/null, key_file: /no/such}}", (4, 77),
     ["http.tls.key_file", "cannot read /no/such"]),
    ("type: otlp, protocol: grpc, endpoint: \"http://tempo:4317\"", "type: debug", (6, 17),
     ['did you mean "stdout"']),
    ("outputs:\n", "processors:\n  b: {type: batch}\noutputs:\n", (6, 13),
     ["outputs gather batches"]),
    ("outputs:\n", "processors:\n  m: {type: memory_limiter}\noutputs:\n", (6, 13),
     ["agent.memory_limit"]),
    ("endpoint: \"http", "logs_endpoint: \"http", (8, 3),
     ["called traces", "could only carry logs", "tempo takes logs"]),
    ("type: otlp, protocol: grpc, endpoint: \"http://tempo:4317\"", "type: stdout", (8, 3),
     ["called traces", "could only carry logs", "tempo takes logs", "signal: logs"]),
])
def test_what_users_of_a_collector_write_is_explained(tmp_path, was, becomes, place, words):
    text = OTLP.format(folder=tmp_path)
    assert was in text
    code, said, places = check(tmp_path, text.replace(was, becomes, 1))
    assert code == 2 and place in places, said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize("was, becomes, place, words", [
    ("protocol: grpc, ", "", (6, 33), ["port 4317", "protocol: grpc"]),
    ("tempo:4317", "tempo:4318", (6, 49), ["port 4318", "protocol: http"]),
    ("protocol: grpc, endpoint: \"http://tempo:4317\"", "traces_endpoint: \"http://tempo\"",
     (6, 40), ["no path", "/v1/traces"]),
])
def test_an_endpoint_that_is_probably_a_slip_gets_a_warning(tmp_path, was, becomes, place, words):
    text = OTLP.format(folder=tmp_path)
    assert was in text and "warning" not in check(tmp_path, text)[1]
    code, said, places = check(tmp_path, text.replace(was, becomes, 1))
    assert code == 0 and "warning" in said and place in places, said
    for word in words:
        assert word in said, said
