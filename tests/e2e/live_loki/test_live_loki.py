"""What a person sees in Grafana: the agent's lines, read back from a real Loki."""
import time

import pytest

from harness import loki_wire
from harness.configs import loki as loki_output
from harness.configs import pipeline, tail, tail_to_loki
from harness.push_client import PROTOBUF, post
from harness.real_loki import RealLoki, program
from harness.waiting import settle, wait_until

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(not program(), reason="TAILRACE_LIVE_LOKI names no Loki")]
ALL = '{namespace="shop"}'


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    server = RealLoki(tmp_path_factory.mktemp("loki") / "data")
    yield server
    server.stop()


@pytest.fixture
def started_ns():
    return time.time_ns() - 3600 * 10**9


def seen(real, tenant, start_ns, count, selector=ALL):
    """The entries once there are `count`, and that they stay as many."""
    wait_until(lambda: len(real.entries(selector, tenant, start_ns)) >= count,
               lambda: f"{count} entries; {len(real.entries(selector, tenant, start_ns))} there")
    assert settle(lambda: len(real.entries(selector, tenant, start_ns)), quiet=1.5) == count
    return real.entries(selector, tenant, start_ns)


def test_equal_lines_are_all_kept_and_a_replay_adds_none(agents, real, node, started_ns):
    log = node.container()
    when = log.tick()
    for _ in range(1000):
        log.write("the same", when=when)
    config = tail_to_loki(node.glob, real, output={"tenant": "equal",
                                                   "batch": {"bytes": "8KiB", "linger": "50ms"}})
    agent = agents(config).start()
    wait_until(lambda: real.entries(ALL, "equal", started_ns), "the first arrive")
    for _ in range(3):
        agent.restart()
    found = seen(real, "equal", started_ns, 1000)
    assert [entry[0] for entry in found] == list(range(when, when + 1000))
    agent.kill()
    (agent.state_dir / "checkpoints").unlink()  # everything is read and sent once more
    agent.start()
    agent.wait_settled()
    assert len(seen(real, "equal", started_ns, 1000)) == 1000


def test_loki_shows_what_was_written(agents, real, node, started_ns):
    log = node.container()
    texts = ['"quoted" \\ back', "tab\tend", "émoji 🚰", "{}", "x" * 200_000, "trailing space "]
    for text in texts:
        log.write(text)
    log.write(b"nul\0byte")
    log.write(b"broken \xff\xfe utf-8")
    log.write_piece("first half, ")
    log.write_piece("second half", tag="F")
    agents(tail_to_loki(node.glob, real, output={"tenant": "bytes"})).start()
    found = [line for _, line, _ in seen(real, "bytes", started_ns, len(texts) + 3)]
    assert found[:len(texts)] == texts
    assert found[len(texts)] == "nul\0byte"
    assert found[len(texts) + 1].startswith("broken ") and found[-2].endswith(" utf-8")
    assert found[-1] == "first half, second half"


def test_severity_and_metadata_of_json_lines(agents, real, node, started_ns):
    log = node.container()
    log.write('{"level":50,"time":1767323045000,"pid":7,"hostname":"h","req":{"id":"r-1"},"msg":"a"}')
    log.write('{"level":"warn","msg":"b"}')
    log.write("plain")
    json = {"j": {"type": "json", "metadata": {"request": "req.id"},
                  "severity": {"metadata": "detected_level"}}}
    agents(tail_to_loki(node.glob, real, processors=json, output={"tenant": "json"})).start()
    found = seen(real, "json", started_ns, 3)
    assert found[0][2]["request"] == "r-1"
    assert [labels["detected_level"] for _, _, labels in found[:2]] == ["error", "warn"]


def test_entries_that_loki_refuses_are_counted_and_the_rest_is_stored(agents, real, node,
                                                                    started_ns):
    old, new = node.container(pod="old-0"), node.container(pod="new-0")
    for i in range(10):
        old.write(f"too old {i}", when=time.time_ns() - 30 * 86400 * 10**9 + i)
        new.write(f"new {i}")
    agent = agents(tail_to_loki(node.glob, real, output={"tenant": "old"})).start()
    found = seen(real, "old", started_ns, 10)
    assert {line for _, line, _ in found} == {f"new {i}" for i in range(10)}
    agent.wait_settled()
    assert agent.ledger_total("refused") > 0
    assert agent.ledger_total("delivered") + agent.ledger_total("refused") == 20
    agent.wait_log("too old|greater_than_max_sample_age|max_sample_age|too far behind")


def test_metadata_names_that_loki_refuses_are_refused_at_the_door(agents, real, started_ns):
    agent = agents(pipeline({"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
                            {"loki": loki_output(real, tenant="door")})).start()
    when = time.time_ns()
    taken = ["a", "_1", "9", "a-b", "-a-", "__x__"]
    for name in ["", "_", "____", "-.-", "日本", "__.__", *taken]:
        body = loki_wire.encode_protobuf([('{namespace="shop"}', [(when, b"x", [(name, "v")])])])
        theirs = post(real.port, body, PROTOBUF, {"X-Scope-OrgID": "theirs"})[0]
        ours = post(agent.listen_ports()[0], body, PROTOBUF)[0]
        assert (theirs, ours) == ((204, 204) if name in taken else (500, 400)), name
        when += 1
    assert len(seen(real, "door", started_ns, len(taken))) == len(taken)


def test_literal_snappy_and_a_tenant_by_label(agents, real, node, started_ns):
    node.container(pod="a-0").write("of a")
    node.container(pod="b-0").write("of b")
    output = {"tenant_label": "pod", "compression": "none"}
    agents(tail_to_loki(node.glob, real, output=output)).start()
    assert [e[1] for e in seen(real, "a-0", started_ns, 1)] == ["of a"]
    assert [e[1] for e in seen(real, "b-0", started_ns, 1)] == ["of b"]


def test_a_gateway_of_two_agents(agents, real, node, started_ns):
    receiver = agents(pipeline({"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
                               {"loki": loki_output(real, tenant="gateway")}), "receiver").start()
    lines = node.container().write_many(500)
    sender = agents(pipeline({"files": tail(node.glob)},
                             {"hop": loki_output(f"http://127.0.0.1:{receiver.listen_ports()[0]}/loki/api/v1/push")}),
                    "sender").start()
    found = [line for _, line, _ in seen(real, "gateway", started_ns, 500)]
    assert found == lines
    sender.wait_settled()
