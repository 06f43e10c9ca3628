"""The receiver for OTLP over HTTP."""
import gzip
import json
import random
import socket
import subprocess
import threading
import zlib

import pytest

from harness import otlp_wire as wire
from harness.agent import SANITIZED
from harness.configs import otlp_chain
from harness.fake_otlp import export, post
from harness.waiting import pause, wait_until

SIGNALS = list(wire.PATHS)


@pytest.fixture
def receiver(agents, otlp):
    agent = agents(otlp_chain(otlp)).start()
    agent.port = agent.listen_ports()[0]
    return agent


def request_of(signal="traces", first=0, count=20, seed=1, **options):
    return wire.make_request(signal, first, count, random.Random(seed), **options)


@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_what_arrives_equals_what_was_sent(receiver, otlp, signal, form):
    request = request_of(signal)
    answer = export(receiver.port, signal, request, form)
    assert answer.status == 200, answer
    if form == "json":
        assert answer.headers["content-type"] == wire.JSON
        assert json.loads(answer.body) == {"partialSuccess": {}}
    else:
        assert answer.headers["content-type"] == wire.PROTOBUF and answer.body == b""
    # An answer means that it was delivered (or lies in the spool).
    assert otlp.stored[signal] == wire.records(signal, request)
    assert not otlp.complaints


@pytest.mark.parametrize("signal", SIGNALS)
def test_protobuf_passes_byte_for_byte(receiver, otlp, signal):
    request = request_of(signal)
    assert export(receiver.port, signal, request).status == 200
    assert otlp.requests[0].body == request.SerializeToString()


def zstd(data):
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("zstd", zstd),
                                            ("deflate", zlib.compress), ("identity", bytes)])
def test_bodies_may_be_compressed(receiver, otlp, encoding, pack, form):
    request = request_of()
    body, kind = request.SerializeToString(), wire.PROTOBUF
    if form == "json":
        body, kind = json.dumps(wire.to_json(request)).encode(), wire.JSON
    answer = post(receiver.port, "/v1/traces", pack(body), kind, {"Content-Encoding": encoding})
    assert answer.status == 200, answer
    assert otlp.stored["traces"] == wire.records("traces", request)


def test_bad_ids_are_refused_one_by_one_and_told(receiver, otlp):
    request = request_of(count=10, scopes=1)
    good = request_of(count=10, scopes=1)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].trace_id = b"short"
    spans[4].span_id = bytes(8)
    spans[6].trace_id = b""
    for i in (6, 4, 1):
        del good.resource_spans[0].scope_spans[0].spans[i]
    answer = export(receiver.port, "traces", request)
    assert answer.status == 200
    partial = answer.response("traces").partial_success
    assert partial.rejected_spans == 3 and "16 bytes" in partial.error_message
    assert otlp.requests[0].body == good.SerializeToString(), "the rest is as it was"
    answer = export(receiver.port, "traces", request, "json")
    assert json.loads(answer.body)["partialSuccess"]["rejectedSpans"] == "3"
    assert receiver.metrics().total("tailrace_input_refused_records_total") == 6


def test_a_request_of_only_bad_records_is_answered_and_sent_nowhere(receiver, otlp):
    request = request_of(count=2)
    for scope in request.resource_spans[0].scope_spans:
        for span in scope.spans:
            span.ClearField("span_id")
    answer = export(receiver.port, "traces", request)
    assert answer.status == 200
    assert answer.response("traces").partial_success.rejected_spans == 2
    assert not otlp.requests


def test_empty_requests_are_fine(receiver, otlp):
    assert post(receiver.port, "/v1/traces", b"").status == 200
    assert post(receiver.port, "/v1/logs", b"{}", wire.JSON).status == 200
    assert not otlp.requests


WHOLE = request_of().SerializeToString()
DEEP_JSON = b'{"resourceSpans":' * 3000 + b"1" + b"}" * 3000


@pytest.mark.parametrize("body, kind, headers, status, code", [
    (WHOLE[:-3], wire.PROTOBUF, {}, 400, 3),
    (b"\x0a\xff\xff\xff\xff\x0f", wire.PROTOBUF, {}, 400, 3),
    (b"<html>", wire.PROTOBUF, {}, 400, 3),
    (b"\x0a\x06\x12\x04\x12\x02\x38\x01", wire.PROTOBUF, {}, 400, 3),  # start time as a varint
    (b"{", wire.JSON, {}, 400, 3),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', wire.JSON, {}, 400, 3),
    (b'{"resourceSpans":5}', wire.JSON, {}, 400, 3),
    (b'{"resourceSpans":[]}\n{"resourceSpans":[]}\n', wire.JSON, {}, 400, 3),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\xff"}]}]}]}', wire.JSON, {}, 400, 3),
    (DEEP_JSON, wire.JSON, {}, 400, 3),
    (WHOLE, wire.PROTOBUF, {"Content-Encoding": "gzip"}, 400, 3),
    (gzip.compress(WHOLE)[:-9], wire.PROTOBUF, {"Content-Encoding": "gzip"}, 400, 3),
    (WHOLE, wire.PROTOBUF, {"Content-Encoding": "br"}, 415, 3),
], ids=["truncated", "length", "no protobuf", "wire type", "truncated JSON", "an id that is none",
        "JSON of another type", "two JSON documents", "no UTF-8", "deep JSON", "no gzip", "truncated gzip", "encoding"])
def test_bad_bodies_are_refused_with_a_status_in_their_form(receiver, otlp, body, kind, headers,
                                                            status, code):
    answer = post(receiver.port, "/v1/traces", body, kind, headers)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == kind
    assert answer.error()[0] == code and answer.error()[1], answer
    assert export(receiver.port, "traces", request_of()).status == 200, "the next one is taken"
    assert len(otlp.requests) == 1


@pytest.mark.parametrize("limit", ["8MiB", "120MiB"])
def test_a_gzip_bomb_takes_no_memory(agents, otlp, limit):
    """It is refused for good, over the limit and where memory ends sooner."""
    agent = agents(otlp_chain(otlp, agent={"memory_limit": "96MiB"},
                              input={"max_body_size": "4MiB",
                                     "max_decompressed_size": limit})).start()
    bomb = gzip.compress(bytes(200 << 20))
    port = agent.listen_ports()[0]
    answer = post(port, "/v1/traces", bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413 and answer.error()[0] == 8, answer
    assert SANITIZED or agent.memory()["peak"] < 96 * 1024
    assert export(port, "traces", request_of()).status == 200


def test_bodies_that_do_not_say_their_size_take_what_they_need(agents, otlp):
    """As Node.js sends them: many at a time, in little memory."""
    agent = agents(otlp_chain(otlp, agent={"memory_limit": "48MiB"})).start()
    port, body = agent.listen_ports()[0], request_of().SerializeToString()
    head = (b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-protobuf\r\n\r\n")
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for client in clients:
        client.sendall(head + b"%x\r\n%s\r\n" % (len(body), body))
    for client in clients:
        client.sendall(b"0\r\n\r\n")
    assert all(b" 200 " in client.recv(1000) for client in clients)
    for client in clients:
        client.close()
    chunk = bytes(100_000)
    with socket.create_connection(("127.0.0.1", port)) as client:  # more than there is
        client.sendall(head)
        try:
            for _ in range(190):
                client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            client.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # it does not read all of it
        wait_until(lambda: agent.metrics().total("tailrace_input_rejected_bodies_total") == 1,
                   "it is refused")
    wait_until(lambda: agent.metrics().total("tailrace_input_incoming_bytes") == 0, "given back")
    assert SANITIZED or agent.memory()["peak"] < 48 * 1024


@pytest.mark.parametrize("what", ["good", "bad ids", "empty"])
def test_a_million_resources_stay_within_the_limit(agents, otlp, what):
    """Each takes room beside its bytes; of those that hold next to nothing there may be many."""
    agent = agents(otlp_chain(otlp, agent={"memory_limit": "64MiB"})).start()
    port = agent.listen_ports()[0]
    request = wire.REQUESTS["traces"]()
    resource = request.resource_spans.add()
    if what != "empty":
        resource.scope_spans.add().spans.add(trace_id=bytes([1] * 16),
                                             span_id=bytes([1] * (8 if what == "good" else 0)))
    one = request.SerializeToString()
    answer = post(port, "/v1/traces", one * (12_000_000 // len(one)))
    assert answer.status == 413 and "memory" in answer.error()[1], answer
    assert SANITIZED or agent.memory()["peak"] < 64 * 1024
    assert post(port, "/v1/traces", one * 2000).status == 200
    assert export(port, "traces", request_of()).status == 200


def test_a_client_whose_chunked_body_is_too_large_hears_of_it(agents, otlp):
    """One whose connection only ends would send it again for ever."""
    agent = agents(otlp_chain(otlp, input={"max_body_size": "18MiB"})).start()
    chunk = bytes(1 << 20)
    with socket.create_connection(("127.0.0.1", agent.listen_ports()[0])) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                       b"Content-Type: application/x-protobuf\r\n\r\n")
        for _ in range(100):
            client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        client.sendall(b"0\r\n\r\n")
        assert b" 413 " in client.recv(1000)


@pytest.mark.parametrize("size", [21 << 20, 100_000_000])
def test_too_large_bodies_are_refused_before_they_are_read(receiver, size):
    with socket.create_connection(("127.0.0.1", receiver.port)) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                       b"Content-Type: application/x-protobuf\r\n\r\n" % size)
        assert b" 413 " in client.recv(1000)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_other_types_are_unsupported(receiver, kind):
    assert post(receiver.port, "/v1/traces", WHOLE, kind).status == 415


def test_other_paths_and_methods(receiver):
    assert post(receiver.port, "/v1/profiles", WHOLE).status == 404
    receiver.wait_log("answered 404 to .* no data is taken at /v1/profiles; OTLP goes to /v1/traces")
    assert receiver.metrics().total("tailrace_input_rejected_bodies_total", reason="path") == 1
    answer = post(receiver.port, "/v1/traces", None, None, method="GET")
    assert answer.status == 405 and answer.headers["allow"] == "POST"


def test_a_signal_without_a_pipeline_is_refused(agents, otlp):
    agent = agents(otlp_chain(otlp, signals=["traces"])).start()
    answer = export(agent.listen_ports()[0], "logs", request_of("logs"))
    assert answer.status == 400
    assert "no pipeline" in answer.error()[1]


def test_downstream_says_no_to_one_source_only(receiver, otlp):
    """A merged batch that is refused is taken apart: the others arrive."""
    def refuse_13(number, signal, request):
        names = {span.name for resource in request.resource_spans
                 for scope in resource.scope_spans for span in scope.spans}
        return (400, {}, b"") if "span 13" in names else None
    otlp.hangs.set()
    otlp.behave(refuse_13)
    answers = {}

    def send(number):
        answers[number] = export(receiver.port, "traces",
                                 request_of(first=number, count=1, scopes=1)).status
    threads = [threading.Thread(target=send, args=(number,)) for number in range(10, 16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: receiver.metrics().total("tailrace_input_waiting_clients") == 6,
               "all are taken")
    otlp.hangs.clear()
    for thread in threads:
        thread.join()
    assert answers == {number: 400 if number == 13 else 200 for number in range(10, 16)}
    assert max(len(seen.records) for seen in otlp.requests) > 1, "some were merged"
    assert len(otlp.stored["traces"]) == 5


def test_partial_success_of_the_server_reaches_the_client(receiver, otlp):
    told = wire.RESPONSES["traces"]()
    told.partial_success.rejected_spans = 2
    told.partial_success.error_message = "two are too old"
    otlp.behave(lambda number, signal, request: told)
    answer = export(receiver.port, "traces", request_of(count=5))
    assert answer.status == 200
    partial = answer.response("traces").partial_success
    assert partial.rejected_spans == 2 and "too old" in partial.error_message
    assert receiver.ledger_total("refused") == 2
    assert receiver.ledger_total("delivered") == 3


def test_accepted_answers_at_once(agents, otlp):
    agent = agents(otlp_chain(otlp, input={"ack": "accepted"})).start()
    otlp.hangs.set()
    assert export(agent.listen_ports()[0], "traces", request_of()).status == 200
    assert not otlp.stored["traces"]
    otlp.hangs.clear()
    otlp.wait_records("traces", 20)


def test_while_the_server_is_away_requests_are_spooled_and_acknowledged(receiver, otlp):
    otlp.behave(lambda *_: (503, {}, b""))
    request = request_of()
    assert export(receiver.port, "traces", request).status == 200
    otlp.heal()
    otlp.wait_records("traces", 20)
    assert otlp.stored["traces"] == wire.records("traces", request)


def test_without_room_clients_are_told_to_come_again(agents, otlp):
    """Memory is full and there is no disk: 429 with Retry-After, and nothing is lost."""
    otlp.behave(lambda *_: (503, {}, b""))
    agent = agents(otlp_chain(otlp, input={"reply_timeout": "300ms"},
                              output={"buffer": {"memory": "2MiB", "disk": "0"},
                                      "compression": "none"})).start()
    port = agent.listen_ports()[0]
    big = request_of(count=1)
    big.resource_spans[0].scope_spans[0].spans[0].name = "x" * 300_000
    statuses = []
    for _ in range(12):
        answer = export(port, "traces", big)
        statuses.append(answer.status)
        if answer.status == 429:
            assert answer.headers["retry-after"] and answer.error()[0] == 8
            break
    assert statuses[-1] == 429 and set(statuses[:-1]) <= {503}, statuses
    otlp.heal()
    wait_until(lambda: export(port, "traces", big).status == 200, "there is room again")


def test_browsers(agents, otlp):
    cors = {"allowed_origins": ["https://*.shop.example"], "allowed_headers": ["X-Team"]}
    agent = agents(otlp_chain(otlp, http={"cors": cors})).start()
    port = agent.listen_ports()[0]
    ask = {"Origin": "https://www.shop.example", "Access-Control-Request-Method": "POST",
           "Access-Control-Request-Headers": "content-type, x-team, x-other"}
    answer = post(port, "/v1/traces", None, None, ask, method="OPTIONS")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://www.shop.example"
    assert answer.headers["access-control-allow-headers"] == "content-type, x-team"
    assert answer.headers["access-control-allow-methods"] == "POST"
    answer = export(port, "traces", request_of(), "json", {"Origin": "https://www.shop.example"})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://www.shop.example"
    answer = export(port, "traces", request_of(), "json", {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    answer = post(port, "/v1/traces", b"{", wire.JSON, {"Origin": "https://www.shop.example"})
    assert answer.status == 400 and "access-control-allow-origin" in answer.headers


def test_stopping_settles_or_spools_what_was_taken(agents, otlp):
    otlp.hangs.set()
    agent = agents(otlp_chain(otlp, agent={"shutdown_grace": "500ms"})).start()
    port, answers = agent.listen_ports()[0], []
    thread = threading.Thread(
        target=lambda: answers.append(export(port, "traces", request_of()).status))
    thread.start()
    wait_until(lambda: agent.metrics().total("tailrace_input_waiting_clients") == 1, "it is taken")
    agent.stop()
    thread.join()
    assert answers[0] in (200, 503)
    otlp.heal()
    pause(0.2)
    stored = len(otlp.stored["traces"])
    agent.start()
    if answers[0] == 200 and stored == 0:
        otlp.wait_records("traces", 20)
