"""`run --once`, the small commands, and the agent's own log."""
import json

import pytest

from harness.agent import run_tool
from harness.configs import pipeline, tail, tail_to_loki
from harness.faults import Refuse, Status


def test_once_reads_everything_and_ends(agents, loki, node):
    lines = [line for i in range(5) for line in node.container(f"c{i}").write_many(1000)]
    agent = agents(tail_to_loki(node.glob, loki))
    assert agent.run_once() == 0, agent.log_tail()
    loki.assert_exactly(lines)


def test_once_joins_what_is_under_way_at_the_end(agents, loki, node):
    log = node.container()
    log.write("whole")
    log.write_piece("never ended")
    log.raw(b"2026-01-02T03:04:05Z stdout F no newline")
    agent = agents(tail_to_loki(node.glob, loki))
    assert agent.run_once() == 0
    assert {"whole", "never ended"} <= set(loki.lines())


def test_once_reads_rotated_predecessors_too(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki))
    lines = log.write_many(100)
    assert agent.run_once() == 0
    for _ in range(3):
        lines += log.write_many(100)
        log.rotate()
    lines += log.write_many(100)
    assert agent.run_once() == 0
    loki.assert_exactly(lines)
    assert loki.count() == 500, "the second run sends only what is new"


def test_once_with_nothing_to_read_ends_well(agents, loki, tmp_path):
    assert agents(tail_to_loki(tmp_path / "none-*.log", loki)).run_once() == 0
    assert loki.count() == 0


def test_once_waits_for_a_server_in_trouble(agents, loki, node):
    lines = node.container().write_many(100)
    loki.behave(Status(503), times=3)
    assert agents(tail_to_loki(node.glob, loki)).run_once() == 0
    loki.assert_exactly(lines)


def test_once_tells_by_its_exit_code_that_something_was_refused(agents, loki, node):
    node.container().write_many(100)
    loki.behave(Refuse(lambda entry: entry.line.endswith(b"7")))
    agent = agents(tail_to_loki(node.glob, loki))
    assert agent.run_once() == 1
    assert len(loki.lines()) == 90


def test_once_is_not_a_failure_when_a_filter_dropped_lines(agents, loki, node):
    node.container().write_many(10)
    agent = agents(tail_to_loki(node.glob, loki, processors={
        "none": {"type": "filter", "drop": [{"contains": ["line"]}]}}))
    assert agent.run_once() == 0
    assert loki.count() == 0


def test_once_on_no_terminal_draws_no_progress_bar(agents, loki, node):
    node.container().write_many(10)
    agent = agents(tail_to_loki(node.glob, loki))
    assert agent.run_once() == 0
    assert "\r" not in agent.log() and "\x1b[" not in agent.log()


def test_version():
    done = run_tool("version")
    assert done.returncode == 0
    assert done.stdout.startswith("tailrace 0.")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "--config"],
                                       ["check", "--nonsense"]])
def test_wrong_arguments_are_refused_with_a_hint(arguments):
    done = run_tool(*arguments)
    assert done.returncode == 2, done
    assert "--help" in done.stderr + done.stdout or "Usage" in done.stderr + done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check", "--help"],
                                       ["docs", "--help"]])
def test_help(arguments):
    done = run_tool(*arguments)
    assert done.returncode == 0
    assert "config" in done.stdout.lower() or "docs" in done.stdout


def test_docs_list_every_plugin_and_option(tmp_path):
    done = run_tool("docs")
    assert done.returncode == 0
    for word in ("tail", "loki_push", "include", "max_line_size", "json", "filter", "labels",
                 "loki", "file", "stdout", "null", "compression"):
        assert word in done.stdout, word


def test_docs_give_a_json_schema():
    done = run_tool("docs", "--json-schema")
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    assert "$schema" in schema and "tail" in done.stdout


def test_the_log_can_be_json(agents, loki, node):
    node.container().write_many(3)
    agent = agents(tail_to_loki(node.glob, loki))
    agent.start("--log-format", "json", "--once", ready=False)
    assert agent.wait_exit() == 0
    rows = [json.loads(line) for line in agent.log().splitlines()]
    assert rows and all({"level"} <= row.keys() for row in rows)


def test_the_log_is_rate_limited(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki,
                                output={"retry": {"min_backoff": "5ms", "max_backoff": "10ms"}}))
    agent.start()
    log.write_many(10)
    from harness.waiting import wait_until
    wait_until(lambda: len(loki.requests) > 50, "many tries were made")
    assert len(agent.log().splitlines()) < 20, agent.log()
    loki.heal()


def test_stdout_can_be_piped_into_something_that_ends(agents, node):
    """SIGPIPE must not kill the agent silently; it says what is wrong, or waits."""
    log = node.container()
    agent = agents(pipeline({"files": tail(node.glob)}, {"out": {"type": "stdout"}})).start()
    log.write_many(5)
    agent.wait_settled()
    agent.stop()
