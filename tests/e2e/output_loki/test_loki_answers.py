"""What the agent makes of each answer, as Loki's documentation wants it."""
import pytest

from harness.configs import tail_to_loki
from harness.faults import (CloseMidAnswer, CloseMidBody, Hang, Refuse, RefuseWhole, Reset, Status,
                            StoreThen, TooLarge)
from harness.waiting import pause, wait_until


def started(agents, loki, node, lines=100, **output):
    log = node.container()
    written = log.write_many(lines)
    agent = agents(tail_to_loki(node.glob, loki, output=output)).start()
    return agent, log, written


def all_delivered(agent, loki, lines):
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()
    assert agent.ledger_total("delivered") == len(lines)
    assert agent.ledger_total("refused") == agent.ledger_total("dropped") == 0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_failure_is_tried_again_until_it_works(agents, loki, node, status):
    loki.behave(Status(status), times=3)
    agent, _, lines = started(agents, loki, node)
    all_delivered(agent, loki, lines)
    assert [r.status for r in loki.requests][:3] == [status] * 3
    assert agent.metrics().total("tailrace_output_retries_total") >= 3


@pytest.mark.parametrize("fault", [Reset(), CloseMidAnswer(), CloseMidBody(),
                                   StoreThen(Reset()), StoreThen(Status(500)),
                                   StoreThen(CloseMidAnswer(500))], ids=lambda f: type(f).__name__)
def test_a_broken_connection_is_tried_again(agents, loki, node, fault):
    loki.behave(fault, times=3)
    agent, _, lines = started(agents, loki, node)
    all_delivered(agent, loki, lines)


def test_a_hanging_server_is_given_up_after_the_timeout_and_tried_again(agents, loki, node):
    loki.behave(Hang(), times=2)
    agent, _, lines = started(agents, loki, node, timeout="500ms")
    all_delivered(agent, loki, lines)


def test_a_server_that_is_down_is_waited_for(agents, loki, node):
    loki.down()
    agent, log, lines = started(agents, loki, node)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), "all lines wait")
    lines += log.write_many(50)
    loki.up()
    all_delivered(agent, loki, lines)
    assert agent.get("/readyz")[0] == 200


def test_a_sick_output_is_told_in_the_body_of_readyz_not_by_a_503(agents, loki, node):
    loki.behave(Status(503))
    agent, _, lines = started(agents, loki, node)
    wait_until(lambda: "loki" in agent.get("/readyz")[1], lambda: agent.get("/readyz"))
    assert agent.get("/readyz")[0] == 200
    loki.heal()
    all_delivered(agent, loki, lines)


def test_retry_after_is_honoured(agents, loki, node):
    loki.behave(Status(429, retry_after=2), times=1)
    agent, _, lines = started(agents, loki, node)
    all_delivered(agent, loki, lines)
    first, second = loki.requests[0], loki.requests[1]
    assert (first.status, second.status) == (429, 204)
    assert second.at - first.at >= 1.9


def test_a_partial_400_counts_what_was_refused_and_sends_nothing_again(agents, loki, node):
    loki.behave(Refuse(lambda entry: entry.line.endswith(b"7")))
    agent, _, lines = started(agents, loki, node)
    kept = [line for line in lines if not line.endswith("7")]
    loki.wait_lines(kept)
    agent.wait_settled()
    assert sorted(loki.lines()) == sorted(kept)
    assert loki.count() == len(kept), "a 400 is never tried again as it was"
    delivered, refused = agent.ledger_total("delivered"), agent.ledger_total("refused")
    assert delivered + refused == len(lines) and refused > 0
    agent.wait_log("too far behind")


def test_a_body_that_nobody_wants_is_refused_and_the_rest_goes_on(agents, loki, node):
    loki.behave(Status(400, body=b"error parsing labels"), times=1)
    agent, log, lines = started(agents, loki, node)
    wait_until(lambda: agent.ledger_total("refused") == len(lines), lambda: agent.ledger())
    more = log.write_many(20)
    loki.wait_lines(more)
    agent.wait_log("error parsing labels")


def test_a_missing_tenant_is_not_data_loss(agents, loki, node):
    """401 is a matter of configuration: the records wait (or are refused aloud), never vanish."""
    loki.require_tenant = True
    agent, _, lines = started(agents, loki, node)
    agent.wait_log("(?i)401|no org id")
    ledger = agent.assert_ledger_closed()
    assert ledger["cells"]
    loki.require_tenant = False


def test_a_413_is_split_until_it_fits(agents, loki, node):
    loki.behave(TooLarge(8000))
    agent, _, lines = started(agents, loki, node, lines=2000)
    all_delivered(agent, loki, lines)
    assert any(r.status == 413 for r in loki.requests)


def test_a_single_line_over_the_servers_limit_is_refused_alone(agents, loki, node):
    loki.behave(TooLarge(4000))
    log = node.container()
    lines = log.write_many(20)
    log.write("z" * 10_000)
    lines += log.write_many(20)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    assert agent.ledger_total("refused") == 1
    assert agent.ledger_total("delivered") == len(lines)


def test_a_request_refused_for_one_sources_sake_is_tried_source_by_source(agents, loki, node):
    good, bad = node.container("good"), node.container("bad")
    lines = good.write_many(50)
    bad.write("poison")
    loki.behave(RefuseWhole(lambda entry: entry.line == b"poison"))
    agent = agents(tail_to_loki(node.glob, loki)).start()
    # In this order: each reads the metrics anew, and nothing waits before anything is taken.
    wait_until(lambda: agent.ledger_total("taken") == 51 and agent.ledger_total("waiting") == 0,
               lambda: agent.ledger())
    assert agent.ledger_total("refused") >= 1
    assert len(loki.lines()) == agent.ledger_total("delivered")
    assert "poison" not in loki.lines()


def test_an_outage_of_a_while_loses_nothing(agents, loki, node):
    agent, log, lines = started(agents, loki, node)
    loki.wait_lines(lines)
    for fault in (Status(503), Reset(), Hang()):
        loki.behave(fault)
        lines += log.write_many(300)
        pause(0.7)
        log.rotate()
        lines += log.write_many(300)
        pause(0.7)
        loki.heal()
        loki.wait_lines(lines)
    all_delivered(agent, loki, lines)
