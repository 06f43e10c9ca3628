"""OTLP's metrics by remote write, by the rules of Prometheus's own OTLP endpoint."""
import time

import pytest
from grpc import StatusCode

from harness import grpc_otlp, otlp_metric_cases as cases
from harness import otlp_wire as wire
from harness.configs import QUICK
from harness.fake_otlp import export
from harness.prometheus_server import PrometheusServer, available
from harness.scraping import number
from harness.stored_series import as_json
from harness.waiting import wait_until

DELTA, CUMULATIVE = 1, 2
RESOURCE = {"service.name": "shop", "service.namespace": "prod", "service.instance.id": "shop-1",
            "host.name": "node-a"}
JOB = {"job": "prod/shop", "instance": "shop-1"}


def config_of(url, **options):
    return {"inputs": {"in": {"type": "otlp", "http": {"listen": "127.0.0.1:0"}}},
            "outputs": {"prom": {"type": "prometheus_remote_write", "url": url,
                                 "send_native_histograms": True, **QUICK,
                                 "otlp_to_metrics": options}},
            "pipelines": {"metrics": {"signal": "metrics", "inputs": ["in"], "outputs": ["prom"]}}}


class Metrics:
    """A request that grows; all points are of one moment."""

    def __init__(self, when=None):
        self.when = when or time.time_ns() // 10 ** 9 * 10 ** 9
        self.request = wire.REQUESTS["metrics"]()
        of_resource = self.request.resource_metrics.add()
        wire.set_attributes(of_resource.resource.attributes, RESOURCE)
        self.scope = of_resource.scope_metrics.add()

    def add(self, name, unit, kind, attributes=None, temporality=CUMULATIVE, monotonic=False,
            **fields):
        metric = self.scope.metrics.add(name=name, unit=unit, description="what it is")
        data = getattr(metric, kind)
        if kind not in ("gauge", "summary"):
            data.aggregation_temporality = temporality
        if kind == "sum":
            data.is_monotonic = monotonic
        point = data.data_points.add(time_unix_nano=self.when, **fields)
        wire.set_attributes(point.attributes, attributes or {})
        return point

    def every_kind(self):
        self.add("http.requests", "{request}", "sum", {"http.code": 503}, monotonic=True, as_int=42)
        self.add("queue.size", "", "sum", as_double=-3)
        self.add("cpu.utilization", "1", "gauge", as_double=0.5)
        self.add("http.duration", "ms", "histogram", count=6, sum=12.5, bucket_counts=[1, 2, 3],
                 explicit_bounds=[0.5, 10])
        summary = self.add("rpc", "By/s", "summary", count=4, sum=8)
        summary.quantile_values.add(quantile=0.99, value=3)
        return self


WANTED = {
    ("http_requests_total", ("http_code", "503")): 42,
    ("queue_size",): -3,
    ("cpu_utilization_ratio",): 0.5,
    ("http_duration_milliseconds_sum",): 12.5,
    ("http_duration_milliseconds_count",): 6,
    ("http_duration_milliseconds_bucket", ("le", "0.5")): 1,
    ("http_duration_milliseconds_bucket", ("le", "10")): 3,
    ("http_duration_milliseconds_bucket", ("le", "+Inf")): 6,
    ("rpc_bytes_per_second_sum",): 8,
    ("rpc_bytes_per_second_count",): 4,
    ("rpc_bytes_per_second", ("quantile", "0.99")): 3,
    ("target_info", ("host_name", "node-a")): 1,
}


def wanted_labels():
    return {tuple(sorted({"__name__": name, **dict(pairs), **JOB}.items())): value
            for (name, *pairs), value in WANTED.items()}


@pytest.mark.skipif(not available(), reason="no prometheus here")
def test_a_real_prometheus_shows_every_kind(agents, tmp_path):
    server = PrometheusServer(tmp_path)
    try:
        agent = agents(config_of(server.write_url)).start()
        metrics = Metrics().every_kind()
        answer = export(agent.listen_ports()[0], "metrics", metrics.request)
        assert answer.status == 200
        def shown():
            return server.samples('{job="prod/shop"}')
        wait_until(lambda: len(shown()) >= len(WANTED), lambda: f"all series: {shown()}")
        found = shown()
        assert {labels: float(values[0][1]) for labels, values in found.items()} == wanted_labels()
        assert all(values[0][0] == metrics.when / 10 ** 9 for values in found.values())
    finally:
        server.stop()


def test_a_repeat_gives_the_same_samples(agents, receiver):
    agent = agents(config_of(receiver.url)).start()
    request = Metrics(wire.NOW).every_kind().request
    for _ in range(3):
        assert export(agent.listen_ports()[0], "metrics", request).status == 200
    wanted = wanted_labels()
    assert receiver.samples.keys() == wanted.keys()
    for labels, samples in receiver.samples.items():
        assert len(set(samples)) == 1 and len(samples) == 3
        assert number(samples[0][0]) == wanted[labels]
        assert samples[0][1] == wire.NOW // 10 ** 6
    assert not receiver.complaints


@pytest.mark.parametrize("group", cases.GROUPS)
def test_series_are_those_that_prometheus_made_of_the_same_requests(agents, receiver, group):
    agent = agents(cases.agent_config(receiver.url, cases.GROUPS[group])).start()
    for make in cases.CASES.values():
        assert export(agent.listen_ports()[0], "metrics", make()).status in (200, 400)
    cases.assert_equal(as_json(receiver.stored()), cases.recorded(group))


def test_deltas_are_refused_and_the_client_hears_of_it(agents, receiver):
    agent = agents(config_of(receiver.url)).start()
    metrics = Metrics(wire.NOW)
    metrics.add("hits", "", "sum", temporality=DELTA, monotonic=True, as_int=1)
    metrics.add("level", "", "gauge", as_double=2)
    answer = export(agent.listen_ports()[0], "metrics", metrics.request)
    assert answer.status == 200
    partial = answer.response("metrics").partial_success
    assert partial.rejected_data_points == 1 and "delta_temporality" in partial.error_message
    assert [name for labels in receiver.samples for key, name in labels
            if key == "__name__"] == ["level", "target_info"]


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_points_that_the_server_finds_too_old_are_told_by_their_number(agents, receiver, way):
    """It refuses the request as a whole; taken apart by age the others arrive."""
    def too_old(number, headers, series):
        oldest = min(when for _, samples in series for _, when in samples)
        return (400, {}) if oldest < time.time() * 1000 - 3_600_000 else None
    receiver.behave(too_old)
    config = config_of(receiver.url)
    config["inputs"]["in"] = {"type": "otlp", way: {"listen": "127.0.0.1:0"}}
    agent = agents(config).start()
    metrics = Metrics()
    for name in ("new", "newer", "newest"):
        metrics.add(name, "", "gauge", as_double=1)
    metrics.when -= 86_400 * 10 ** 9
    for name in ("old", "older"):
        metrics.add(name, "", "gauge", as_double=1)
    send = {"http": export, "grpc": grpc_otlp.export}[way]
    answer = send(agent.listen_ports()[0], "metrics", metrics.request)
    assert answer[0] in (200, StatusCode.OK), answer
    partial = (answer.response("metrics") if way == "http" else answer.response).partial_success
    assert partial.rejected_data_points == 2 and "400" in partial.error_message
    stored = [name for name in ("new", "newer", "newest", "old", "older") if receiver.of(name)]
    assert stored == ["new", "newer", "newest"]
    assert agent.ledger_total("refused") == 2 and agent.ledger_total("delivered") == 3


def test_what_two_outputs_refuse_is_told_once(agents, receiver):
    config = config_of(receiver.url)
    config["outputs"]["other"] = dict(config["outputs"]["prom"])
    config["pipelines"]["metrics"]["outputs"].append("other")
    agent = agents(config).start()
    metrics = Metrics(wire.NOW)
    for name in ("hits", "visits"):
        metrics.add(name, "", "sum", temporality=DELTA, monotonic=True, as_int=1)
    metrics.add("level", "", "gauge", as_double=2)
    answer = export(agent.listen_ports()[0], "metrics", metrics.request)
    assert answer.response("metrics").partial_success.rejected_data_points == 2
    assert agent.ledger_total("refused") == 4  # the books have each output's own


def test_deltas_add_up(agents, receiver):
    agent = agents(config_of(receiver.url, delta="accumulate", target_info=False)).start()
    for second, value in enumerate([5, 7, 1]):
        metrics = Metrics(wire.NOW + second * 10 ** 9)
        metrics.add("hits", "", "sum", temporality=DELTA, monotonic=True, as_int=value)
        metrics.add("sizes", "By", "histogram", temporality=DELTA, count=1, sum=value,
                    bucket_counts=[0, 1], explicit_bounds=[0.5])
        assert export(agent.listen_ports()[0], "metrics", metrics.request).status == 200
    (hits,), (count,), (total,) = (receiver.of(name).values() for name in
                                   ("hits_total", "sizes_bytes_count", "sizes_bytes_sum"))
    assert [number(bits) for bits, _ in hits] == [5, 12, 13]
    assert [number(bits) for bits, _ in count] == [1, 2, 3]
    assert [number(bits) for bits, _ in total] == [5, 12, 13]


def test_there_and_back_again(agents, receiver, otlp):
    """Samples that come of OTLP go on over OTLP and come out the same at another agent."""
    far = agents(config_of(receiver.url), name="far").start()
    port = far.listen_ports()[0]
    near = agents({"inputs": {"in": {"type": "prometheus_remote_write", "listen": "127.0.0.1:0"}},
                   "outputs": {"out": {"type": "otlp", "endpoint": f"http://127.0.0.1:{port}",
                                       **QUICK}},
                   "pipelines": {"m": {"signal": "metrics", "inputs": ["in"], "outputs": ["out"]}}},
                  name="near").start()
    first = agents(config_of(f"http://127.0.0.1:{near.listen_ports()[0]}/api/v1/write",
                             target_info=False), name="first").start()
    metrics = Metrics(wire.NOW)
    metrics.add("level", "", "gauge", {"a": "b"}, as_double=2)
    metrics.add("queue", "", "sum", as_double=3)
    assert export(first.listen_ports()[0], "metrics", metrics.request).status == 200
    receiver.wait_samples(2)
    assert receiver.samples.keys() == {
        tuple(sorted({"__name__": "level", "a": "b", **JOB}.items())),
        tuple(sorted({"__name__": "queue", **JOB}.items()))}
