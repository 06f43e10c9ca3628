"""Spans and traces that stay."""
import random

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import export


def chain(otlp, **options):
    config = otlp_chain(otlp, signals=["traces"])
    config["processors"] = {"fewer": {"type": "trace_filter", **options}}
    config["pipelines"]["traces"]["processors"] = ["fewer"]
    return config


def spans_of(request):
    return [span for resource in request.resource_spans for scope in resource.scope_spans
            for span in scope.spans]


def received(seen):
    return [span for one in seen for span in spans_of(wire.REQUESTS["traces"].FromString(one.body))]


def test_rules(agents, otlp):
    agent = agents(chain(otlp, drop=[{"status": ["error"]}, {"name_regex": "0$"}])).start()
    request = wire.make_request("traces", 0, 60, random.Random(1))
    assert export(agent.listen_ports()[0], "traces", request).status == 200
    wanted = [span.name for span in spans_of(request)
              if span.status.code != 2 and not span.name.endswith("0")]
    assert [span.name for span in received(otlp.requests)] == wanted
    assert not otlp.complaints


def test_two_agents_keep_the_same_tenth(agents, otlp):
    request = wire.make_request("traces", 0, 1000, random.Random(2))
    spans = spans_of(request)
    for span, number in zip(spans, range(1000)):
        span.trace_id = random.Random(number).randbytes(16)
    threshold = 0xe6660000000000  # of 0.1, with four digits
    wanted = [span.trace_id for span in spans
              if int.from_bytes(span.trace_id[9:], "big") >= threshold]
    assert 50 < len(wanted) < 200
    for name in ("one", "two"):
        agent = agents(chain(otlp, sample={"probability": 0.1}), name=name).start()
        before = len(otlp.requests)
        assert export(agent.listen_ports()[0], "traces", request).status == 200
        kept = received(otlp.requests[before:])
        assert [span.trace_id for span in kept] == wanted
        assert all("ot=th:e666" in span.trace_state for span in kept)
