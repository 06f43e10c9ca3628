"""The receiver for OTLP over gRPC, with Python's grpcio as the client."""
import random
import socket
import threading

import grpc
import pytest
from grpc import StatusCode

from harness import otlp_wire as wire
from harness.agent import SANITIZED
from harness.configs import otlp_grpc_chain
from harness.grpc_otlp import Client, export
from harness.waiting import pause, wait_until

SIGNALS = list(wire.PATHS)


def request_of(signal="traces", first=1, count=20, seed=1, **options):
    return wire.make_request(signal, first, count, random.Random(seed), **options)


def start(agents, otlp, grpc_door=None, **options):
    agent = agents(otlp_grpc_chain(otlp, grpc_door, **options)).start()
    agent.port = agent.listen_ports()[0]
    return agent


@pytest.fixture
def receiver(agents, otlp):
    return start(agents, otlp)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("signal", SIGNALS)
def test_what_arrives_equals_what_was_sent_over_grpc(receiver, otlp, signal, compression):
    request = request_of(signal)
    answer = export(receiver.port, signal, request, compression=compression)
    assert answer.code == StatusCode.OK, answer
    assert not answer.response.HasField("partial_success")
    # An answer means that it was delivered (or lies in the spool).
    assert otlp.stored[signal] == wire.records(signal, request)
    assert otlp.requests[0].body == request.SerializeToString()


def test_bad_ids_are_refused_one_by_one(receiver, otlp):
    request = request_of(count=10, scopes=1)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].trace_id = b"short"
    spans[4].span_id = bytes(8)
    answer = export(receiver.port, "traces", request)
    assert answer.code == StatusCode.OK
    assert answer.response.partial_success.rejected_spans == 2
    assert "16 bytes" in answer.response.partial_success.error_message
    assert len(otlp.stored["traces"]) == 8


@pytest.mark.parametrize("body", [request_of().SerializeToString()[:-3], b"<html>",
                                  b"\x0a\xff\xff\xff\xff\x0f"],
                         ids=["truncated", "no protobuf", "length"])
def test_malformed_messages_are_invalid_and_nothing_else_is_disturbed(receiver, otlp, body):
    with Client(receiver.port) as client:
        answer = client.export("traces", body)
        assert answer.code == StatusCode.INVALID_ARGUMENT and answer.text
        assert answer.status.code == 3 and answer.status.message == answer.text
        assert answer.retry_seconds() is None
        assert client.export("traces", request_of()).code == StatusCode.OK
    assert len(otlp.requests) == 1


def test_methods_that_are_none(receiver):
    method = "/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export"
    assert export(receiver.port, "traces", b"", method=method).code == StatusCode.UNIMPLEMENTED


def test_large_messages_are_not_to_be_tried_again(agents, otlp):
    agent = start(agents, otlp, {"max_message_size": "16KiB"})
    answer = export(agent.port, "traces", request_of(count=200))
    assert answer.code == StatusCode.RESOURCE_EXHAUSTED and answer.retry_seconds() is None
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_a_gzip_bomb(agents, otlp):
    agent = start(agents, otlp, agent={"memory_limit": "64MiB"})
    bomb = bytes(100 << 20)
    answer = export(agent.port, "traces", bomb, compression=grpc.Compression.Gzip)
    assert answer.code in (StatusCode.RESOURCE_EXHAUSTED, StatusCode.INVALID_ARGUMENT), answer
    assert SANITIZED or agent.memory()["rss"] < 64 * 1024
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_back_pressure_says_when_to_come_again(agents, otlp):
    """Downstream hangs, memory and disk are full: RESOURCE_EXHAUSTED with RetryInfo."""
    otlp.hangs.set()
    agent = start(agents, otlp, agent={"memory_limit": "32MiB"}, input={"ack": "accepted"},
                  output={"buffer": {"memory": "1MiB", "disk": "1MiB"}, "compression": "none"})
    request = request_of(count=1000)
    answers = []
    with Client(agent.port) as client:
        for _ in range(200):
            answers.append(client.export("traces", request))
            if answers[-1].code != StatusCode.OK:
                break
        assert answers[-1].code == StatusCode.RESOURCE_EXHAUSTED, answers[-1]
        assert answers[-1].retry_seconds() > 0
        otlp.hangs.clear()

        def taken():
            pause(0.2)
            return client.export("traces", request).code == StatusCode.OK
        wait_until(taken, "there is room again", 30)


def test_the_clients_deadline(receiver, otlp):
    otlp.hangs.set()
    answer = export(receiver.port, "traces", request_of(), timeout=0.3)
    assert answer.code == StatusCode.DEADLINE_EXCEEDED
    otlp.hangs.clear()
    otlp.wait_records("traces", 20)


def test_stopping_answers_those_who_wait_and_refuses_new_calls(receiver, otlp):
    otlp.hangs.set()
    answers = []

    def send():
        answers.append(export(receiver.port, "traces", request_of()))
    thread = threading.Thread(target=send)
    thread.start()
    wait_until(lambda: receiver.metrics().total("tailrace_input_waiting_clients") == 1, "taken")
    receiver.terminate()
    receiver.wait_log("reading has stopped")
    wait_until(lambda: export(receiver.port, "traces", request_of(), timeout=2).code
               in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED), "new calls are refused")
    otlp.hangs.clear()
    assert receiver.wait_exit() == 0
    thread.join()
    assert answers[0].code == StatusCode.OK, answers
    assert len(otlp.stored["traces"]) == 20


def test_a_thousand_idle_connections(agents, otlp):
    agent = start(agents, otlp, agent={"memory_limit": "128MiB"})
    hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    sockets = []
    try:
        for _ in range(1000):
            sockets.append(socket.create_connection(("127.0.0.1", agent.port)))
            sockets[-1].sendall(hello)
        assert export(agent.port, "traces", request_of()).code == StatusCode.OK
        assert SANITIZED or agent.memory()["rss"] < 128 * 1024
    finally:
        for one in sockets:
            one.close()
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


@pytest.mark.parametrize("lanes", [2])
def test_lanes_share_the_port(agents, otlp, lanes):
    agent = start(agents, otlp, agent={"lanes": lanes})
    for number in range(20):
        assert export(agent.port, "traces", request_of(first=number * 10 + 1, count=10)).code \
            == StatusCode.OK
    assert len(otlp.stored["traces"]) == 200
