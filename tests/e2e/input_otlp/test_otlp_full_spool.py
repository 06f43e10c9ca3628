"""The server is down and the disk's share is full: nothing can be settled, and clients hear it at
once, not after they have waited for reply_timeout."""
import random
import time

import pytest
from grpc import StatusCode

from harness import otlp_wire as wire
from harness.configs import otlp_chain, otlp_grpc_chain
from harness.fake_otlp import export as http_export
from harness.grpc_otlp import export as grpc_export
from harness.waiting import PATIENCE, pause, wait_until

REPLY_TIMEOUT = 4
# Memory has room for all that is sent here: it is the disk that is full.
BUFFER = {"memory": "16MiB", "disk": "1MiB"}


def over_http(port, request):
    answer = http_export(port, "traces", request)
    return answer.status, answer.headers.get("retry-after")


def over_grpc(port, request):
    answer = grpc_export(port, "traces", request)
    return answer.code, answer.retry_seconds()


TRANSPORTS = {"http": (otlp_chain, over_http, 200, 429, 503),
              "grpc": (otlp_grpc_chain, over_grpc, StatusCode.OK, StatusCode.RESOURCE_EXHAUSTED,
                       StatusCode.UNAVAILABLE)}


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return TRANSPORTS[request.param]


def start(agents, otlp, chain, ack="settled"):
    otlp.behave(lambda *_: (503, {}, b""))
    agent = agents(chain(otlp, input={"ack": ack, "reply_timeout": f"{REPLY_TIMEOUT}s"},
                         output={"buffer": BUFFER, "compression": "none"})).start()
    agent.port = agent.listen_ports()[0]
    return agent


def request_of(number, size=300_000):
    request = wire.make_request("traces", number, 1, random.Random(number))
    request.resource_spans[0].scope_spans[0].spans[0].name = f"span {number}" + "x" * size
    return request


def test_clients_are_told_at_once_to_come_again(agents, otlp, transport):
    chain, send, ok, later, waited = transport
    agent = start(agents, otlp, chain)
    taken, answers = [], []
    for number in range(1, 12):
        began = time.monotonic()
        status, hint = send(agent.port, request_of(number))
        seconds = time.monotonic() - began
        answers.append(status)
        if status == ok:
            taken.append(number)
        elif status == later:
            assert hint and seconds < REPLY_TIMEOUT / 2 * PATIENCE, (hint, seconds)
        if answers[-3:] == [later] * 3:
            break
    assert len(taken) > 1, answers
    # Of the first one it is not known before that it does not fit.
    assert answers == [ok] * len(taken) + [waited] + [later] * 3
    agent.wait_log("takes nothing now and its buffer on disk is full")
    assert agent.metrics().total("tailrace_input_rejected_bodies_total", reason="credit") == 3
    otlp.heal()
    wait_until(lambda: pause(0.2) or send(agent.port, request_of(100))[0] == ok, "there is room")
    agent.wait_settled()
    for number in taken + [100]:
        assert wire.records("traces", request_of(number))[0] in otlp.stored["traces"], number
    agent.assert_ledger_closed()


def test_who_does_not_wait_to_be_settled_is_taken_as_long_as_memory_has_room(agents, otlp,
                                                                            transport):
    chain, send, ok, later, _ = transport
    agent = start(agents, otlp, chain, ack="accepted")
    answers = []
    for number in range(1, 100):
        answers.append(send(agent.port, request_of(number))[0])
        if answers[-1] != ok:
            break
    assert answers[-1] == later
    assert len(answers) * 300_000 > 8 << 20, "far more than fits on disk"


def test_small_bodies_are_settled_as_long_as_they_fit(agents, otlp, transport):
    """A server that is down alone is no reason to refuse anything."""
    chain, send, ok, _, _ = transport
    agent = start(agents, otlp, chain)
    assert send(agent.port, request_of(1, 10))[0] == ok
    wait_until(lambda: agent.metrics().total("tailrace_output_breaker_open") == 1, "it is down")
    for number in (2, 3):
        assert send(agent.port, request_of(number, 10))[0] == ok
    otlp.heal()
    otlp.wait_records("traces", 3)
