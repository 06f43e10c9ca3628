"""The output for OTLP over gRPC, with Python's grpcio as the server."""
import random

import pytest
from grpc import StatusCode

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import export
from harness.grpc_otlp import FakeGrpcOtlp, Told
from harness.waiting import holds_for, wait_until

SIGNALS = list(wire.PATHS)


def request_of(signal="traces", first=1, count=20, **options):
    return wire.make_request(signal, first, count, random.Random(1), **options)


@pytest.fixture
def backend():
    server = FakeGrpcOtlp()
    yield server
    server.close()


def start(agents, backend, output=None, **options):
    agent = agents(otlp_chain(backend.url, output={"protocol": "grpc", **(output or {})},
                              **options)).start()
    agent.port = agent.listen_ports()[0]
    return agent


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_all_signals_over_grpc(agents, backend, signal, compression):
    agent = start(agents, backend, {"compression": compression,
                                    "headers": {"X-Scope-OrgID": "team-a"}})
    request = request_of(signal, count=40)
    assert export(agent.port, signal, request).status == 200
    assert backend.stored[signal] == wire.records(signal, request)
    metadata = backend.requests[0].metadata
    assert metadata["x-scope-orgid"] == "team-a"
    assert metadata["user-agent"].startswith("tailrace/")
    assert not backend.complaints


@pytest.mark.parametrize("code", [StatusCode.CANCELLED, StatusCode.DEADLINE_EXCEEDED,
                                  StatusCode.ABORTED, StatusCode.OUT_OF_RANGE,
                                  StatusCode.UNAVAILABLE, StatusCode.DATA_LOSS])
def test_codes_that_are_tried_again(agents, backend, code):
    backend.behave(lambda number, *_: Told(code, "later") if number <= 2 else None)
    agent = start(agents, backend)
    assert export(agent.port, "traces", request_of()).status == 200
    backend.wait_records("traces", 20)
    assert len(backend.requests) == 3


def test_resource_exhausted_with_retry_info_is_tried_again(agents, backend):
    backend.behave(lambda number, *_:
                   Told(StatusCode.RESOURCE_EXHAUSTED, "slow down", 2) if number == 1 else None)
    agent = start(agents, backend)
    assert export(agent.port, "traces", request_of()).status == 200
    holds_for(lambda: len(backend.requests) < 2, "it waits as long as it was told", 0.5)
    backend.wait_records("traces", 20)


@pytest.mark.parametrize("code", [StatusCode.RESOURCE_EXHAUSTED, StatusCode.INVALID_ARGUMENT,
                                  StatusCode.UNAUTHENTICATED, StatusCode.UNIMPLEMENTED,
                                  StatusCode.INTERNAL, StatusCode.UNKNOWN])
def test_codes_that_are_final(agents, backend, code):
    backend.behave(lambda *_: Told(code, "never"))
    agent = start(agents, backend)
    assert export(agent.port, "traces", request_of()).status == 400
    assert len(backend.requests) == 1
    assert agent.ledger_total("refused") == 20


def test_a_servers_limit_of_messages(agents):
    backend = FakeGrpcOtlp(options=[("grpc.max_receive_message_length", 20000)])
    try:
        agent = start(agents, backend, {"compression": "none"})
        request = request_of(count=500)
        assert export(agent.port, "traces", request).status == 200
        backend.wait_records("traces", 500)
        assert sorted(backend.stored["traces"]) == sorted(wire.records("traces", request))
    finally:
        backend.close()


def test_partial_success_over_grpc(agents, backend):
    told = wire.RESPONSES["traces"]()
    told.partial_success.rejected_spans = 2
    told.partial_success.error_message = "two are too old"
    backend.behave(lambda *_: told)
    agent = start(agents, backend)
    answer = export(agent.port, "traces", request_of(count=5))
    assert answer.response("traces").partial_success.rejected_spans == 2
    assert agent.ledger_total("refused") == 2 and agent.ledger_total("delivered") == 3


def test_a_server_that_hangs_and_comes_back(agents, backend):
    backend.hangs.set()
    agent = start(agents, backend, {"timeout": "500ms"})
    assert export(agent.port, "traces", request_of()).status == 200, "it lies in the spool"
    backend.hangs.clear()
    backend.wait_records("traces", 20)


def test_a_server_that_is_down_and_comes_back(agents):
    backend = FakeGrpcOtlp()
    backend.close()
    agent = start(agents, backend)
    assert export(agent.port, "traces", request_of()).status == 200, "it lies in the spool"
    again = FakeGrpcOtlp(port=backend.port)
    try:
        again.wait_records("traces", 20, 60)
    finally:
        again.close()


def test_agents_in_a_row_over_grpc(agents, backend):
    last = agents({"inputs": {"in": {"type": "otlp", "grpc": {"listen": "127.0.0.1:0"}}},
                   **{key: value for key, value in otlp_chain(
                       backend.url, output={"protocol": "grpc"}).items() if key != "inputs"}},
                  "last").start()
    first = agents(otlp_chain(f"http://127.0.0.1:{last.listen_ports()[0]}",
                              output={"protocol": "grpc"}), "first").start()
    for signal in SIGNALS:
        request = request_of(signal, count=50)
        assert export(first.listen_ports()[0], signal, request).status == 200
        assert backend.stored[signal] == wire.records(signal, request)
    wait_until(lambda: first.ledger_total("waiting") == 0, "all is settled")
