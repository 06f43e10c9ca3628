"""OTLP's logs: what the agent pushes is what Loki's own OTLP endpoint makes of the same request."""
import http.client
import math
import random
import time

import pytest

from harness import otlp_wire as wire
from harness.configs import loki as loki_output
from harness.fake_otlp import export
from harness.real_loki import RealLoki, program
from harness.waiting import wait_until

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(not program(), reason="TAILRACE_LIVE_LOKI names no Loki")]
COUNT = 60


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    server = RealLoki(tmp_path_factory.mktemp("loki") / "data")
    yield server
    server.stop()


def request_of_now():
    """Records of every kind, with names and values that have to be translated."""
    request = wire.make_request("logs", 0, COUNT, random.Random(5), service="shop")
    resource = request.resource_logs[0]
    wire.set_attributes(resource.resource.attributes, {
        "k8s.pod.name": "shop-1", "deployment.environment": "prod", "1st": "digit", "_one": "x",
        "__two": "y", "_1x": "z", "x__y": "xx", "..lead": "q", "trail.": "t", "a-b": "dash",
        "__r..x__": "reserved", "9": "nine", "a..b": "dots", "n": 7, "real": 0.5, "list": [1, "x"], "map": {"k": {"l.m": "v"}},
        "empty": "", "html": {"k": "<&>\u2028"}, "infinite": -math.inf})
    resource.scope_logs[0].scope.dropped_attributes_count = 3
    wire.set_attributes(resource.scope_logs[0].scope.attributes, {"s.a": True})
    start = time.time_ns() - 60 * 10 ** 9
    number = 0
    for scope in resource.scope_logs:
        for record in scope.log_records:
            record.time_unix_nano = start + number
            record.observed_time_unix_nano = start + number + 5
            record.event_name = ""  # which Loki up to 3.7 leaves out
            number += 1
    late = resource.scope_logs[0].log_records[0]
    late.time_unix_nano = 0  # the observed one counts
    return request, start - 10 ** 9


def push_to_loki(real, request, tenant):
    connection = http.client.HTTPConnection("127.0.0.1", real.port, timeout=60)
    connection.request("POST", "/otlp/v1/logs", request.SerializeToString(),
                       {"Content-Type": "application/x-protobuf", "X-Scope-OrgID": tenant})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 204, body
    connection.close()


def test_the_agent_pushes_what_loki_makes_of_it(agents, real):
    request, start = request_of_now()
    agent = agents({"inputs": {"in": {"type": "otlp", "http": {"listen": "127.0.0.1:0"}}},
                    "outputs": {"loki": loki_output(real, tenant="ours")},
                    "pipelines": {"logs": {"signal": "logs", "inputs": ["in"],
                                           "outputs": ["loki"]}}}).start()
    push_to_loki(real, request, "theirs")
    assert export(agent.listen_ports()[0], "logs", request).status == 200

    def stored(tenant):
        return sorted((when, line, sorted(labels.items())) for when, line, labels in
                      real.entries('{service_name="shop"}', tenant, start))
    for tenant in ("theirs", "ours"):
        wait_until(lambda: len(stored(tenant)) >= COUNT,
                   lambda: f"{COUNT} entries of {tenant}; {len(stored(tenant))} there")
    for theirs, ours in zip(stored("theirs"), stored("ours")):
        assert ours == theirs
    assert len(stored("ours")) == len(stored("theirs")) == COUNT
