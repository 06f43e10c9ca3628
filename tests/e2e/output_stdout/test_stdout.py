"""The stdout output in the real binary."""
import json

from harness.configs import pipeline, tail
from harness.lines import pino
from harness.waiting import wait_until

T0 = 1_767_322_445_123_456_789


def run(agents, node, processors=None, **options):
    agent = agents(pipeline({"files": tail(node.glob)}, {"out": {"type": "stdout", **options}},
                            processors))
    assert agent.run_once() == 0, agent.log_tail()
    return agent.stdout().decode()


def test_json_lines_hold_everything(agents, node):
    log = node.container()
    log.write(pino(1, level=50), when=T0)
    log.write('with "quotes", \\ and \u00fc', when=T0 + 1)
    out = run(agents, node, {"app": {"type": "json", "metadata": {"user": "userId"}}},
              format="json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 2
    first, second = rows
    assert pino(1, level=50) in first.values()
    assert 'with "quotes", \\ and \u00fc' in second.values()
    assert {"namespace": "shop", "pod": "web-0", "container": "app", "stream": "stdout"} \
        in first.values()
    assert "u1" in json.dumps(first)


def test_human_lines_show_time_labels_and_line(agents, node):
    log = node.container()
    lines = log.write_many(3)
    out = run(agents, node)
    assert len(out.splitlines()) == 3
    for shown, line in zip(out.splitlines(), lines):
        assert line in shown and "web-0" in shown


def test_output_is_complete_and_in_order(agents, node):
    lines = node.container().write_many(20_000)
    out = run(agents, node)
    assert [shown[shown.index("shop/web-0"):] for shown in out.splitlines()] == lines


def test_a_live_agent_writes_without_waiting_long(agents, node):
    log = node.container()
    agent = agents(pipeline({"files": tail(node.glob)}, {"out": {"type": "stdout"}})).start()
    log.write("hello there")
    wait_until(lambda: b"hello there" in agent.stdout(), "the line is shown", timeout=5)
