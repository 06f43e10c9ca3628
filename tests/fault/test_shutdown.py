"""SIGTERM at any time leaves nothing behind and loses nothing."""
import random
import time

import pytest

from harness.configs import loki as loki_output, pipeline, tail_to_loki
from harness.faults import Hang, Status
from harness.process import children
from harness.push_client import push
from harness.waiting import PATIENCE, pause, wait_until
from harness.writer import Writer

T0 = 1_767_322_445_000_000_000


def test_stop_while_lines_flow_repeats_nothing(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(3)]
    rng = random.Random(5)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    with Writer(logs, rate=2000) as writer:
        for _ in range(5):
            pause(rng.uniform(0.1, 0.6))
            agent.stop()
            agent.start()
        lines = writer.stop()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    assert loki.count() == len(lines), "a clean stop leaves nothing to repeat"


@pytest.mark.parametrize("fault", [Status(503), Hang()], ids=["503", "hang"])
def test_stop_ends_within_the_grace_when_the_server_is_away(agents, loki, node, fault):
    log = node.container()
    loki.behave(fault)
    agent = agents(tail_to_loki(node.glob, loki, agent={"shutdown_grace": "1s"})).start()
    lines = log.write_many(1000)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())
    start = time.monotonic()
    agent.stop(timeout=15)
    assert time.monotonic() - start < 5 * PATIENCE
    loki.heal()
    agent.start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def test_stop_is_quick_when_there_is_nothing_to_do(agents, loki, node):
    lines = node.container().write_many(100)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    agent.wait_settled()
    start = time.monotonic()
    agent.stop()
    assert time.monotonic() - start < 3 * PATIENCE


def test_a_second_signal_ends_it_at_once_and_loses_nothing(agents, loki, node):
    log = node.container()
    loki.behave(Hang())
    agent = agents(tail_to_loki(node.glob, loki, agent={"shutdown_grace": "60s"})).start()
    lines = log.write_many(500)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())
    agent.terminate()
    agent.wait_log("(?i)stop|SIGTERM")
    agent.terminate()
    start = time.monotonic()
    agent.wait_exit(timeout=10)
    assert time.monotonic() - start < 3 * PATIENCE
    loki.heal()
    agent.start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)


def test_a_receiver_that_stops_answers_who_waits(agents, loki):
    """A client either hears that its body is safe, or that it must come again."""
    loki.behave(Hang())
    agent = agents(pipeline({"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
                            {"loki": loki_output(loki)}, agent={"shutdown_grace": "1s"})).start()
    port = agent.listen_ports()[0]
    import threading
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        push(port, [('{app="a"}', [(T0, b"one", ())])])))
    thread.start()
    wait_until(lambda: agent.ledger_total("taken") == 1 or answers, "the body was taken")
    agent.stop(timeout=20)
    thread.join()
    loki.heal()
    agent.start()
    if answers[0][0] == 204:
        loki.wait_lines(["one"])
    else:
        assert answers[0][0] in (429, 503, 504), answers


def test_nothing_is_left_in_the_state_dir_that_grows(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki, output={
        "spool_after": {"rereadable": "50ms"},
        "batch": {"bytes": "8KiB", "linger": "50ms"}})).start()
    sizes = []
    for _ in range(4):
        loki.behave(Status(503))
        lines = log.write_many(5000)
        wait_until(lambda: agent.ledger_total("waiting") > 0, "something waits")
        loki.heal()
        loki.wait_lines(lines)
        agent.wait_settled()
        agent.stop()
        sizes.append(sum(each.st_size for each in agent.state_stats()))
        agent.start()
    assert sizes[-1] < 200_000 and sizes[-1] <= sizes[0] * 2 + 10_000, sizes
    assert children(agent.process.pid) == []
