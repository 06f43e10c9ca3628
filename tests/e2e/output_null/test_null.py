"""The null output, and several outputs side by side."""
from harness.configs import loki as loki_output, pipeline, tail
from harness.faults import Hang, Status
from harness.waiting import wait_until


def test_null_takes_everything(agents, node):
    node.container().write_many(10_000)
    agent = agents(pipeline({"files": tail(node.glob)}, {"nowhere": {"type": "null"}})).start()
    wait_until(lambda: agent.ledger_total("delivered") == 10_000, lambda: agent.ledger())
    agent.wait_settled()


def test_a_dead_output_delays_no_other(agents, loki, second_loki, node):
    log = node.container()
    loki.behave(Hang())
    agent = agents(pipeline({"files": tail(node.glob)},
                            {"dead": loki_output(loki, timeout="1s"),
                             "alive": loki_output(second_loki)})).start()
    lines = []
    for _ in range(10):
        lines += log.write_many(500)
        second_loki.wait_lines(lines, timeout=5)
    assert loki.count() == 0
    loki.heal()
    loki.wait_lines(lines)
    agent.wait_settled()
    for server in (loki, second_loki):
        server.assert_exactly(lines)


def test_every_output_gets_every_line_over_a_kill(agents, loki, second_loki, node):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(pipeline({"files": tail(node.glob)},
                            {"sick": loki_output(loki), "well": loki_output(second_loki)})).start()
    lines = log.write_many(1000)
    second_loki.wait_lines(lines)
    agent.kill()
    loki.heal()
    agent.start()
    lines += log.write_many(10)
    loki.wait_lines(lines)
    second_loki.wait_lines(lines)
    agent.wait_settled()
    for server in (loki, second_loki):
        server.assert_exactly(lines)
        server.assert_repeats_identical()


def test_two_pipelines_share_an_input(agents, loki, second_loki, node):
    app, proxy = node.container("app"), node.container("proxy")
    made = pipeline({"files": tail(node.glob)},
                    {"one": loki_output(loki), "two": loki_output(second_loki)},
                    {"only-app": {"type": "filter", "keep": [{"labels": {"container": "app"}}]}})
    made["pipelines"] = {
        "logs": {"inputs": ["files"], "outputs": ["one"]},
        "logs-app": {"inputs": ["files"], "processors": ["only-app"], "outputs": ["two"]}}
    agent = agents(made).start()
    lines, others = app.write_many(100), proxy.write_many(100)
    loki.wait_lines(lines + others)
    second_loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines + others)
    second_loki.assert_exactly(lines)
