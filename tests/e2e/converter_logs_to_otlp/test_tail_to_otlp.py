"""Tailed logs over OTLP."""
from harness import otlp_wire as wire
from harness.configs import QUICK, pipeline, tail


def attributes_of(message):
    return {pair.key: pair.value.string_value for pair in message.attributes}


def received(otlp):
    """(attributes of the resource, record) of everything that came."""
    return [(attributes_of(resource.resource), record)
            for seen in otlp.requests
            for resource in wire.REQUESTS["logs"].FromString(seen.body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records]


def test_a_container_s_log_by_the_semantic_conventions(agents, otlp, node):
    log = node.container(namespace="prod")
    lines = log.write_many(20)
    agents(pipeline({"files": tail(node.glob)},
                    {"out": {"type": "otlp", "endpoint": otlp.url, **QUICK}})).start()
    otlp.wait_records("logs", len(lines))
    found = received(otlp)
    assert [record.body.string_value for _, record in found] == lines
    labels = log.labels()
    for attributes, record in found:
        assert attributes == {"k8s.namespace.name": "prod", "k8s.pod.name": labels["pod"],
                              "k8s.container.name": labels["container"],
                              "service.name": labels["container"]}
        assert attributes_of(record) == {"log.iostream": labels["stream"]}
        assert record.time_unix_nano > 0
    assert not otlp.complaints


def test_processors_of_both_forms_in_a_row(agents, otlp, node):
    trace = "0af7651916cd43dd8448eb211c80319c"
    node.container().write('{"level":"warn","msg":"m","trace_id":"%s"}' % trace)
    agents(pipeline({"files": tail(node.glob)},
                    {"out": {"type": "otlp", "endpoint": otlp.url, **QUICK}},
                    {"json": {"type": "json", "metadata": {"trace_id": "trace_id"}},
                     "where": {"type": "resource", "upsert": {"k8s.cluster.name": "eu"},
                               "drop": ["k8s.pod.name"]}})).start()
    otlp.wait_records("logs", 1)
    (attributes, record), = received(otlp)
    assert attributes["k8s.cluster.name"] == "eu" and "k8s.pod.name" not in attributes
    assert record.trace_id.hex() == trace
    assert (record.severity_number, record.severity_text) == (13, "WARN")
