"""OTLP's logs to Loki, by the rules of Loki's own OTLP endpoint."""
import random

from harness import otlp_wire as wire
from harness.configs import QUICK, loki as loki_output
from harness.fake_otlp import export


def request_of(resource, records, scope=None):
    request = wire.REQUESTS["logs"]()
    of_resource = request.resource_logs.add()
    wire.set_attributes(of_resource.resource.attributes, resource)
    of_scope = of_resource.scope_logs.add()
    if scope:
        of_scope.scope.name, of_scope.scope.version = scope
    for number, (body, attributes, fields) in enumerate(records):
        record = of_scope.log_records.add(time_unix_nano=wire.NOW + number, **fields)
        wire.set_value(record.body, body)
        wire.set_attributes(record.attributes, attributes)
    return request


def config_of(outputs, processors=None, **pipeline):
    return {"inputs": {"in": {"type": "otlp", "http": {"listen": "127.0.0.1:0"}}},
            "processors": processors or {},
            "outputs": outputs,
            "pipelines": {"logs": {"signal": "logs", "inputs": ["in"],
                                   "processors": list(processors or {}),
                                   "outputs": list(outputs), **pipeline}}}


SHOP = {"service.name": "shop", "k8s.pod.name": "shop-1", "host.name": "node-a"}


def test_loki_gets_labels_metadata_and_lines(agents, loki):
    agent = agents(config_of({"loki": loki_output(loki)})).start()
    request = request_of(SHOP, [
        ("disk is full", {"http.code": 503}, {"severity_number": 13, "severity_text": "WARN",
                                              "trace_id": bytes(range(16)),
                                              "span_id": bytes(range(8))}),
        ({"a": [1, "x"]}, {}, {})], scope=("lib", "1.2"))
    assert export(agent.listen_ports()[0], "logs", request).status == 200
    warning, other = sorted(loki.unique(), key=lambda entry: entry.timestamp)
    assert loki.labels() == [{"service_name": "shop", "k8s_pod_name": "shop-1"}]
    common = {"host_name": "node-a", "scope_name": "lib", "scope_version": "1.2"}
    assert warning.line == b"disk is full" and warning.timestamp == wire.NOW
    assert dict(warning.metadata) == {
        **common, "http_code": "503", "severity_number": "13", "severity_text": "WARN",
        "trace_id": bytes(range(16)).hex(), "span_id": bytes(range(8)).hex()}
    assert other.line == b'{"a":[1,"x"]}' and dict(other.metadata) == common
    assert not loki.complaints


def test_one_pipeline_feeds_loki_and_otlp(agents, loki, otlp):
    agent = agents(config_of({
        "loki": loki_output(loki, otlp_to_logs={"labels": ["host.name"]}),
        "tempo": {"type": "otlp", "endpoint": otlp.url, **QUICK}})).start()
    request = wire.make_request("logs", 0, 50, random.Random(3))
    assert export(agent.listen_ports()[0], "logs", request).status == 200
    assert otlp.requests[0].body == request.SerializeToString()
    assert len(loki.unique()) == 50
    assert not loki.complaints and not otlp.complaints


def test_a_repeated_request_is_the_same_entries(agents, loki):
    agent = agents(config_of({"loki": loki_output(loki)})).start()
    request = wire.make_request("logs", 0, 30, random.Random(4))
    for _ in range(3):
        assert export(agent.listen_ports()[0], "logs", request).status == 200
    assert len(loki.unique()) == 30


def test_processors_for_lines_see_lines(agents, loki):
    agent = agents(config_of(
        {"loki": loki_output(loki)},
        {"errors": {"type": "filter", "keep": [{"severity_at_least": "error"}]}},
        otlp_to_logs={"labels": ["service.name"]})).start()
    request = request_of(SHOP, [("good", {}, {"severity_number": 9}),
                                ("bad", {}, {"severity_number": 17})])
    assert export(agent.listen_ports()[0], "logs", request).status == 200
    assert [entry.line for entry in loki.unique()] == [b"bad"]
    assert loki.labels() == [{"service_name": "shop"}]
