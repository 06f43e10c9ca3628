"""What the servers refuse by themselves, because of a limit: the client hears the right answer, and
whoever runs the agent finds it in the metrics and in the log, with the option to change."""
import random
import re
import socket
import threading

import pytest
from grpc import StatusCode

from harness import otlp_wire as wire
from harness.agent import SANITIZED
from harness.configs import otlp_chain, otlp_grpc_chain
from harness.grpc_otlp import Client, export
from harness.stalled_link import StalledLink
from harness.waiting import wait_until

# Else grpcio's channels to one port share a connection.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
PEER = r"127\.0\.0\.1:\d+"


def request_of(count=20):
    return wire.make_request("traces", 1, count, random.Random(1))


def start(agents, config):
    agent = agents(config).start()
    agent.port = agent.listen_ports()[0]
    return agent


def rejected(agent, reason):
    return agent.metrics().total("tailrace_input_rejected_bodies_total", reason=reason)


def told(agent, reason, text, count=1):
    wait_until(lambda: rejected(agent, reason) == count, f"it is counted as {reason}")
    agent.wait_log(rf"warning input\.in: .*{text}")


def replies(agent, code):
    return agent.metrics().total("tailrace_input_replies_total", code=str(code))


def test_a_grpc_message_that_is_too_large(agents, otlp):
    agent = start(agents, otlp_grpc_chain(otlp, {"max_message_size": "16KiB"}))
    request = request_of(200)
    answer = export(agent.port, "traces", request)
    assert answer.code == StatusCode.RESOURCE_EXHAUSTED and answer.retry_seconds() is None
    size = len(request.SerializeToString())
    assert f"{size} bytes" in answer.text and "16384" in answer.text
    told(agent, "too_large", rf"refused a gRPC call from {PEER}: the message has {size} bytes, and "
                             "may have 16384; .*raise grpc.max_message_size")
    assert replies(agent, 413) == 1
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_grpc_messages_that_are_far_too_large_take_no_memory(agents, otlp):
    """gRPC gathers a message before it looks at its size: its quota must hold.

    When it is used up gRPC ends a call, or closes a connection: then its client hears UNAVAILABLE,
    and we may hear nothing.
    """
    agent = start(agents, otlp_grpc_chain(otlp, agent={"memory_limit": "64MiB"}))
    body = bytes(60 << 20)
    codes = []

    def send():
        for _ in range(3):
            with Client(agent.port, options=OWN_CONNECTION) as client:
                codes.append(client.export("traces", body).code)
    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 9
    assert set(codes) <= {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAVAILABLE}
    wait_until(lambda: rejected(agent, "too_large") + rejected(agent, "incomplete")
               >= codes.count(StatusCode.RESOURCE_EXHAUSTED), "they are counted")
    assert SANITIZED or agent.memory()["peak"] < 64 * 1024
    wait_until(lambda: SANITIZED or agent.memory()["rss"] < 40 * 1024, "it is given back")
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_more_grpc_calls_than_there_may_be(agents, otlp):
    agent = start(agents, otlp_grpc_chain(otlp, {"max_calls": 1}))
    otlp.hangs.set()
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(export(agent.port, "traces", request_of())))
    thread.start()
    wait_until(lambda: agent.metrics().total("tailrace_input_waiting_clients") == 1, "one waits")
    with Client(agent.port, options=OWN_CONNECTION) as other:
        answer = other.export("traces", request_of())
    assert answer.code == StatusCode.UNAVAILABLE, answer
    told(agent, "too_many_calls", rf"from {PEER}: 1 calls are under way.*raise grpc.max_calls")
    otlp.hangs.clear()
    thread.join()
    assert answers[0].code == StatusCode.OK, answers


def test_a_grpc_message_that_does_not_come(agents, otlp):
    agent = start(agents, otlp_grpc_chain(otlp, {"read_timeout": "1s"}))
    with StalledLink(agent.port, 20_000) as link, \
            Client(link.port, options=OWN_CONNECTION) as client:
        answer = client.export("traces", request_of(1000))
    assert answer.code == StatusCode.UNAVAILABLE and "did not come" in answer.text, answer
    told(agent, "too_slow", rf"from {PEER}: the message did not come in time: 1000 ms; .*raise "
                            "grpc.read_timeout")
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_no_memory_for_a_grpc_message(agents, otlp):
    agent = start(agents, otlp_grpc_chain(otlp, {"max_message_size": "100MiB"},
                                          agent={"memory_limit": "32MiB"}))
    request = request_of(1)
    request.resource_spans[0].scope_spans[0].spans[0].name = "x" * (20 << 20)
    answer = export(agent.port, "traces", request)
    assert answer.code == StatusCode.UNAVAILABLE and "memory" in answer.text, answer
    told(agent, "memory", rf"from {PEER}: no memory for this message now.*raise agent.memory_limit")
    assert export(agent.port, "traces", request_of()).code == StatusCode.OK


def test_an_http_body_that_is_too_large_and_does_not_say_so(agents, otlp):
    agent = start(agents, otlp_chain(otlp, input={"max_body_size": "16KiB"}))
    chunk = bytes(10_000)
    with socket.create_connection(("127.0.0.1", agent.port)) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                       b"Content-Type: application/x-protobuf\r\n\r\n"
                       + b"%x\r\n%s\r\n" % (len(chunk), chunk) * 2 + b"0\r\n\r\n")
        assert b" 413 " in client.recv(1000)
    told(agent, "too_large", rf"refused a body from {PEER}: the body has \d+ bytes or more, "
                             "and may have 16384; .*raise max_body_size")
    assert replies(agent, 413) == 1


@pytest.mark.parametrize("sent", [b"", b"half of it"])
def test_an_http_body_that_does_not_come(agents, otlp, sent):
    agent = start(agents, otlp_chain(otlp, http={"idle_timeout": "1s"}))
    with socket.create_connection(("127.0.0.1", agent.port)) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                       b"Content-Type: application/x-protobuf\r\n\r\n" + sent)
        assert client.recv(1000) == b""
    told(agent, "too_slow", rf"from {PEER}: the body did not come in time: {len(sent)} bytes in "
                            r"\d+ s; .*raise idle_timeout")
    assert agent.metrics().total("tailrace_input_incoming_bytes") == 0


def test_more_http_connections_than_there_may_be(agents, otlp):
    agent = start(agents, otlp_chain(otlp, http={"max_connections": 2}))
    with socket.create_connection(("127.0.0.1", agent.port)), \
            socket.create_connection(("127.0.0.1", agent.port)):
        wait_until(lambda: agent.metrics().total("tailrace_input_full_connections_total") == 1,
                   "it is counted")
    line = agent.wait_log(r"warning input\.in: (.*max_connections.*)")[1]
    assert re.match("2 clients are connected", line)
    assert not rejected(agent, "full_connections"), "nobody was refused"


def test_a_flood_of_refusals_is_a_few_lines(agents, otlp):
    agent = start(agents, otlp_grpc_chain(otlp, {"max_message_size": "1KiB"}))
    request = request_of(50)
    with Client(agent.port) as client:
        for _ in range(50):
            assert client.export("traces", request).code == StatusCode.RESOURCE_EXHAUSTED
    told(agent, "too_large", "max_message_size", count=50)
    assert len(re.findall("warning input.in", agent.log())) <= 3


def test_a_call_that_its_client_gives_up(agents, otlp):
    """Nobody's limit, but it may be one: gRPC does not say why a call has ended."""
    agent = start(agents, otlp_grpc_chain(otlp))
    with StalledLink(agent.port, 20_000) as link, \
            Client(link.port, options=OWN_CONNECTION) as client:
        answer = client.export("traces", request_of(1000), timeout=0.5)
    assert answer.code == StatusCode.DEADLINE_EXCEEDED
    told(agent, "incomplete", rf"from {PEER}: the call ended before its message was whole")
