"""A receiver in trouble: nothing is lost, memory is bounded, others are not held up."""
import os
import time

import pytest

from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.fake_loki import FakeLoki
from harness.faults import CloseMidAnswer, CloseMidBody, Hang, Reset, Status
from harness.waiting import pause, wait_until
from harness.writer import Writer

SECONDS = float(os.environ.get("TAILRACE_FAULT_SECONDS", "15"))
LIMIT_MIB = 64
RATE = 5000
TROUBLE = {"503": Status(503), "429": Status(429, retry_after=1), "hang": Hang(), "reset": Reset(),
           "close mid-answer": CloseMidAnswer(), "close mid-body": CloseMidBody()}


@pytest.fixture
def fast_lokis():
    servers = [FakeLoki(lazy=True), FakeLoki(lazy=True)]
    yield servers
    for server in servers:
        server.heal()
        server.down()


@pytest.mark.slow
@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_of_one_output(agents, fast_lokis, node, name):
    sick, well = fast_lokis
    logs = [node.container(f"c{i}") for i in range(5)]
    agent = agents(pipeline(
        {"files": tail(node.glob)},
        {"sick": loki_output(sick, timeout="2s", buffer={"memory": "2MiB", "disk": "1GiB"},
                             batch={"bytes": "256KiB", "linger": "200ms"}),
         "well": loki_output(well)},
        agent={"memory_limit": f"{LIMIT_MIB}MiB"})).start()
    rss = []
    with Writer(logs, rate=RATE) as writer:
        pause(2)
        sick.behave(TROUBLE[name])
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            rss.append(agent.memory()["rss"])
            pause(0.25)
        written = len(writer.lines)
        behind = written - agent.ledger_total("delivered", output="well")
        assert behind < RATE * 2, "the healthy output keeps up"
        lines = writer.stop()
    # Half-way through it has what it needs; from there the slope is flat.
    half = rss[len(rss) // 2:]
    assert max(rss) <= LIMIT_MIB * 1024, f"RSS {max(rss)} KiB"
    assert max(half) - half[0] < 4 * 1024, f"RSS grows: {half[0]} -> {max(half)} KiB"
    sick.heal()
    start = time.monotonic()
    waiting = agent.ledger_total("waiting", output="sick")
    wait_until(lambda: agent.ledger_total("waiting") == 0, lambda: agent.ledger(), timeout=60)
    if waiting > 5 * RATE:
        rate = waiting / (time.monotonic() - start)
        print(f"catch-up: {rate:.0f} lines/s")
        assert rate > 4 * RATE, "Python's receiver is the limit here; benchmarks measure the 20 x"
    agent.wait_settled()
    for server in (sick, well):
        server.assert_exactly(lines)
        server.assert_repeats_identical()
    assert agent.metrics().total("tailrace_ledger_errors_total") == 0


def test_what_exceeds_memory_is_spooled_and_sent_in_order(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki, output={
        "buffer": {"memory": "2MiB", "disk": "64MiB"}, "batch": {"bytes": "64KiB"},
        "compression": "none"})).start()
    lines = log.write_many(100_000)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger(), 60)
    assert sum(each.st_size for each in agent.state_stats()) > 1_000_000
    loki.heal()
    loki.wait_lines(lines)
    agent.wait_settled()
    assert [entry.line.decode() for entry in loki.unique()] == lines


def test_a_full_buffer_makes_the_input_wait_and_loses_nothing(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki, output={
        "buffer": {"memory": "2MiB", "disk": "256KiB"}, "compression": "none",
        "batch": {"bytes": "16KiB"}})).start()
    lines = log.write_many(100_000)
    wait_until(lambda: agent.ledger_total("waiting") > 0, "something waits")
    pause(1)
    [row] = agent.files()["files"]
    assert row["position"] < row["size"], "the rest stays in the file"
    loki.heal()
    loki.wait_lines(lines, timeout=60)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()


def test_drop_oldest_keeps_reading_and_counts_what_it_drops(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki, output={
        "buffer": {"memory": "2MiB", "disk": "256KiB", "when_full": "drop_oldest"},
        "compression": "none", "batch": {"bytes": "16KiB"}})).start()
    lines = log.write_many(100_000)
    wait_until(lambda: agent.ledger_total("taken") == len(lines), lambda: agent.ledger(), 60)
    dropped = agent.ledger_total("dropped")
    assert dropped > 0
    agent.wait_log("(?i)drop")
    loki.heal()
    agent.wait_settled()
    assert len(loki.lines()) == len(lines) - agent.ledger_total("dropped")
    assert lines[-1] in loki.lines()


def test_the_spool_is_read_after_a_clean_stop(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki, agent={"shutdown_grace": "200ms"})).start()
    lines = log.write_many(1000)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())
    agent.stop()
    loki.heal()
    log.delete()  # nothing can be read again: it must come from the spool
    agent.start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    assert agent.ledger_total("found") == len(lines)


def test_spooled_requests_of_an_output_that_is_gone_are_kept_and_shown(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    config = tail_to_loki(node.glob, loki, agent={"shutdown_grace": "0s"})
    agent = agents(config).start()
    lines = log.write_many(100)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())
    agent.stop()
    renamed = tail_to_loki(node.glob, loki)
    renamed["outputs"] = {"other": renamed["outputs"]["loki"]}
    renamed["pipelines"]["logs"]["outputs"] = ["other"]
    agent.write_config(renamed)
    loki.heal()
    agent.start()
    agent.wait_log("(?i)spool.*loki|loki.*spool")
    agent.stop()
    agent.write_config(config)
    agent.start()
    loki.wait_lines(lines)
