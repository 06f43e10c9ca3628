"""OTLP's metrics: what the agent writes is what Prometheus's own OTLP endpoint makes of a request."""
import os

import pytest

from harness import otlp_metric_cases as cases
from harness import otlp_wire as wire
from harness.fake_otlp import export, post
from harness.prometheus_read import read_everything
from harness.prometheus_server import PrometheusServer, live_program
from harness.stored_series import as_json
from harness.waiting import wait_until

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(not live_program(),
                                 reason="TAILRACE_LIVE_PROMETHEUS names no Prometheus")]
SPAN_MS = 3_600_000
NOW_MS = wire.NOW // 10 ** 6


@pytest.fixture
def servers(tmp_path):
    started = []

    def start(name, config, *flags):
        started.append(PrometheusServer(tmp_path, config, name=name, program=live_program(),
                                        flags=["--enable-feature=exemplar-storage", *flags]))
        return started[-1]
    yield start
    for server in started:
        server.stop()


def stored(server):
    return as_json(read_everything(server.base, NOW_MS - SPAN_MS, NOW_MS + SPAN_MS))


def push(server, request):
    return post(server.port, "/api/v1/otlp/v1/metrics", request.SerializeToString())


@pytest.mark.parametrize("group", cases.GROUPS)
def test_the_agent_writes_what_prometheus_makes_of_it(agents, servers, group):
    options = cases.GROUPS[group]
    theirs = servers("theirs", {"otlp": options}, "--web.enable-otlp-receiver")
    ours = servers("ours", {})
    agent = agents(cases.agent_config(ours.write_url, options)).start()
    refused = {}
    for name, make in cases.CASES.items():
        answer = push(theirs, make())
        if answer.status != 200:
            refused[name] = answer.body.decode()
        told = export(agent.listen_ports()[0], "metrics", make())
        assert told.status == (200 if answer.status == 200 or told.status == 200 else 400), name
        rejected = told.status != 200 or told.response("metrics").partial_success.rejected_data_points
        assert bool(rejected) == (answer.status != 200), f"{name}: {answer.body}, {told}"
    wanted = stored(theirs)
    wait_until(lambda: len(stored(ours)) >= len(wanted), lambda: f"{len(wanted)} series")
    cases.assert_equal(stored(ours), wanted)
    assert refused.keys() == cases.REFUSED_BY_GROUP.get(group, set()), refused
    if os.environ.get("TAILRACE_RECORD"):
        cases.record(group, wanted)
    cases.assert_equal(cases.recorded(group), wanted)


def test_what_prometheus_refuses_is_refused(agents, servers):
    theirs = servers("theirs", {}, "--web.enable-otlp-receiver")
    ours = servers("ours", {})
    agent = agents(cases.agent_config(ours.write_url, {})).start()
    for name in cases.REFUSED:
        request = cases.refused_request(name)
        assert push(theirs, request).status in (400, 500), name
        answer = export(agent.listen_ports()[0], "metrics", request)
        assert answer.status == 400, name
    assert stored(ours) == []
