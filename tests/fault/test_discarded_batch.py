"""Builds with test hooks can lose one batch on purpose: the ledger must raise its error."""
import pytest

from harness.configs import tail_to_loki
from harness.waiting import wait_until

pytestmark = pytest.mark.hooks


@pytest.mark.parametrize("point", ["after_framing", "before_seal", "after_send"])
def test_the_ledger_notices_a_batch_that_vanished(agents, loki, node, point):
    log = node.container()
    log.write_many(100)
    agent = agents(tail_to_loki(node.glob, loki))
    agent.env["TAILRACE_TEST_DISCARD"] = point
    agent.start()
    wait_until(lambda: agent.metrics().total("tailrace_ledger_errors_total") >= 1,
               lambda: f"the ledger raises its error: {agent.ledger()}")
    agent.wait_log("(?i)error.*ledger|ledger.*(not|differ|lost)")
    assert agent.ledger()["balanced"] is False
    agent.kill()  # before the fixture finds books that do not close


def test_without_a_loss_it_does_not(agents, loki, node):
    lines = node.container().write_many(100)
    agent = agents(tail_to_loki(node.glob, loki))
    agent.env["TAILRACE_TEST_DISCARD"] = "nowhere"
    agent.start()
    loki.wait_lines(lines)
    agent.wait_settled()
    assert agent.metrics().total("tailrace_ledger_errors_total") == 0
