"""The filter processor in the real binary."""
from harness.configs import tail_to_loki
from harness.lines import pino
from harness.waiting import wait_until


def run(agents, loki, node, expected, taken, **options):
    processors = {"severity": {"type": "json"}, "quiet": {"type": "filter", **options}}
    agent = agents(tail_to_loki(node.glob, loki, processors=processors)).start()
    wait_until(lambda: agent.ledger_total("taken") == taken, lambda: agent.ledger())
    agent.wait_settled()
    loki.assert_exactly(expected)
    assert agent.ledger_total("filtered") == taken - len(expected)
    assert agent.ledger_total("delivered") == len(expected)
    return agent


def test_drop_by_label_keeps_the_other_streams(agents, loki, node):
    lines = node.container("app").write_many(20)
    node.container("istio-proxy").write_many(30)
    run(agents, loki, node, lines, 50, drop=[{"labels": {"container": "istio-proxy"}}])


def test_drop_by_severity_and_text_together(agents, loki, node):
    log = node.container()
    keep = [pino(1, message="GET /healthz failed", level=50), pino(2, message="order placed")]
    for line in keep + [pino(3, message="GET /healthz"), pino(4, message="GET /readyz")]:
        log.write(line)
    run(agents, loki, node, keep, 4,
        drop=[{"contains": ["GET /healthz", "GET /readyz"], "severity_below": "warn"}])


def test_keep_by_regex(agents, loki, node):
    log = node.container()
    lines = log.write_many(100)
    run(agents, loki, node, [line for line in lines if line.endswith("7")], 100,
        keep=[{"line_regex": "7$"}])


def test_keep_of_warnings_and_of_what_has_no_level(agents, loki, node):
    log = node.container()
    keep = [pino(1, level=40), pino(2, level=60), "plain text"]
    for line in [*keep, pino(3, level=30)]:
        log.write(line)
    run(agents, loki, node, keep, 4,
        keep=[{"severity_at_least": "warn"}, {"severity_unknown": True}])


def test_when_all_is_filtered_the_checkpoint_moves_on(agents, loki, node):
    log = node.container()
    log.write_many(5000)
    agent = run(agents, loki, node, [], 5000, drop=[{"contains": ["line"]}])
    agent.stop()
    agent.start()
    agent.wait_settled()
    assert agent.ledger_total("taken") == 0
