"""Attributes of resources, edited on the way."""
import random

import pytest

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import export


@pytest.mark.parametrize("signal", list(wire.PATHS))
def test_only_the_attributes_change(agents, otlp, signal):
    config = otlp_chain(otlp, signals=[signal])
    config["processors"] = {"where": {"type": "resource", "rename": {"service.name": "svc"},
                                      "add": {"new": "x"}}}
    config["pipelines"][signal]["processors"] = ["where"]
    agent = agents(config).start()
    request = wire.make_request(signal, 0, 30, random.Random(1))
    assert export(agent.listen_ports()[0], signal, request).status == 200
    for resource in wire.resources(signal, request):
        for pair in resource.resource.attributes:
            if pair.key == "service.name":
                pair.key = "svc"
        wire.set_attributes(resource.resource.attributes, {"new": "x"})
    assert otlp.stored[signal] == wire.records(signal, request)
    assert not otlp.complaints
