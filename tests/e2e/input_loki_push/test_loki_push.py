"""The receiver for Loki's push API."""
import gzip
import json
import threading
import zlib

import pytest

from harness import loki_wire
from harness.agent import SANITIZED
from harness.configs import loki as loki_output, pipeline
from harness.faults import RefuseWhole, Status
from harness.push_client import JSON, PROTOBUF, post, push, push_json
from harness.waiting import pause, wait_until

T0 = 1_767_322_445_000_000_000
STREAMS = [('{app="a", zone="z"}', [(T0, b"one", ()), (T0 + 1, b"two", (("user", "u1"),))]),
           ('{app="b"}', [(T0, "drei \u00fc".encode(), ())])]
SEEN = {('{app="a", zone="z"}', T0, b"one", ()),
        ('{app="a", zone="z"}', T0 + 1, b"two", (("user", "u1"),)),
        ('{app="b"}', T0, "drei \u00fc".encode(), ())}


def gateway(loki, agent=None, output=None, **options):
    push_input = {"type": "loki_push", "listen": "127.0.0.1:0", **options}
    return pipeline({"push": push_input}, {"loki": loki_output(loki, **(output or {}))},
                    agent=agent)


@pytest.fixture
def receiver(agents, loki):
    agent = agents(gateway(loki)).start()
    agent.port = agent.listen_ports()[0]
    return agent


def seen(loki):
    return {tuple(entry)[1:] for entry in loki.unique()}


def test_protobuf_is_taken_and_answered_after_delivery(receiver, loki):
    status, body, _ = push(receiver.port, STREAMS)
    assert status == 204, body
    assert seen(loki) == SEEN, "a 204 means that it was delivered (or lies in the spool)"


def test_json_is_taken(receiver, loki):
    assert push_json(receiver.port, STREAMS)[0] == 204
    assert seen(loki) == SEEN


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("deflate", raw_deflate)])
def test_bodies_may_be_packed_once_more(receiver, loki, encoding, pack):
    headers = {"Content-Encoding": encoding}
    body = pack(loki_wire.encode_json(STREAMS))
    assert post(receiver.port, body, JSON, headers)[0] == 204
    body = pack(loki_wire.encode_protobuf(STREAMS))
    assert post(receiver.port, body, PROTOBUF, headers)[0] == 204
    assert seen(loki) == SEEN


def test_content_encoding_snappy_and_type_parameters_are_fine(receiver, loki):
    body = loki_wire.encode_protobuf(STREAMS)
    assert post(receiver.port, body, PROTOBUF, {"Content-Encoding": "snappy"})[0] == 204
    body = loki_wire.encode_json(STREAMS)
    assert post(receiver.port, body, JSON + "; charset=utf-8")[0] == 204
    assert seen(loki) == SEEN


@pytest.mark.parametrize("body, content_type, headers, status", [
    (b"\x00garbage", PROTOBUF, {}, 400),
    (loki_wire.snappy.compress(b"\x0a\xff\xff"), PROTOBUF, {}, 400),
    (b'{"streams": [', JSON, {}, 400),
    (b'{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}', JSON, {}, 400),
    (loki_wire.encode_json(STREAMS), None, {}, 400),
    (loki_wire.encode_json(STREAMS), "text/plain", {}, 400),
    (loki_wire.encode_json(STREAMS), JSON, {"Content-Encoding": "br"}, 400),
    (b"not gzip", JSON, {"Content-Encoding": "gzip"}, 400),
    (b"", PROTOBUF, {}, 400),
    (loki_wire.encode_protobuf([('{a="1"', [(T0, b"x", ())])]), PROTOBUF, {}, 400),
    (loki_wire.encode_protobuf([("{}", [(T0, b"x", ())])]), PROTOBUF, {}, 400),
    (b'{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"_":"v"}]]}]}', JSON, {}, 400),
    (b'{"streams":[]}', JSON, {}, 422),
])
def test_bad_bodies_are_refused_with_a_reason(receiver, loki, body, content_type, headers, status):
    got, text, _ = post(receiver.port, body, content_type, headers)
    assert got == status, text
    assert text.strip()
    assert loki.count() == 0
    assert push(receiver.port, STREAMS)[0] == 204, "and the next good one is taken"


def test_other_paths_and_methods_are_refused(receiver):
    assert post(receiver.port, b"x", JSON, path="/elsewhere")[0] == 404
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    connection.request("GET", "/loki/api/v1/push")
    assert connection.getresponse().status in (404, 405)
    connection.close()


def test_the_legacy_path_works(receiver, loki):
    assert push(receiver.port, STREAMS, path="/api/prom/push")[0] == 204
    assert seen(loki) == SEEN


def test_a_body_over_the_limit_is_answered_413(agents, loki):
    agent = agents(gateway(loki, max_body_size="64KiB")).start()
    port = agent.listen_ports()[0]
    big = [('{app="a"}', [(T0 + i, b"x" * 1000, ()) for i in range(500)])]
    assert post(port, loki_wire.encode_json(big), JSON)[0] == 413
    # what unpacks to too much is too large as well
    assert push(port, big)[0] == 413
    assert push(port, STREAMS)[0] == 204


def test_what_the_server_refuses_is_answered_400(receiver, loki):
    loki.behave(RefuseWhole(lambda entry: True))
    status, text, _ = push(receiver.port, STREAMS)
    assert status == 400, text
    assert receiver.ledger_total("refused") == 3


def test_a_client_is_answered_before_the_reply_timeout_while_the_server_is_away(agents, loki):
    """Without a verdict in time: spooled and 204, or a status that makes the client try again."""
    loki.behave(Status(503))
    agent = agents(gateway(loki)).start()
    status, _, headers = push(agent.listen_ports()[0], STREAMS)
    assert status in (204, 429, 503, 504), status
    loki.heal()
    if status != 204:
        assert push(agent.listen_ports()[0], STREAMS)[0] == 204
    wait_until(lambda: seen(loki) == SEEN, lambda: seen(loki))


def test_an_acknowledged_body_survives_kill_9_while_the_server_is_away(agents, loki):
    loki.behave(Status(503))
    agent = agents(gateway(loki, output={"spool_after": {"live": "200ms"}})).start()
    assert push(agent.listen_ports()[0], STREAMS)[0] == 204
    agent.kill()
    loki.heal()
    agent.start()
    wait_until(lambda: seen(loki) == SEEN, lambda: f"all came: {seen(loki)}")
    agent.wait_settled()
    assert agent.ledger_total("found") == 3


def test_the_clients_tenant_is_passed_on(agents, loki):
    agent = agents(gateway(loki, output={"tenant_label": "__tenant__"},
                           tenant_label="__tenant__")).start()
    port = agent.listen_ports()[0]
    assert push(port, STREAMS, tenant="t1")[0] == 204
    assert push(port, STREAMS, tenant="t2")[0] == 204
    assert {entry.tenant for entry in loki.unique()} == {"t1", "t2"}
    assert all("__tenant__" not in labels for labels in loki.labels())


def test_many_clients_at_once_are_all_answered(receiver, loki):
    results = []

    def client(i):
        for j in range(10):
            streams = [(f'{{client="{i}"}}', [(T0 + j * 1000 + k, f"{i} {j} {k}".encode(), ())
                                              for k in range(50)])]
            results.append(push(receiver.port, streams)[0])

    threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [204] * 160
    assert len(loki.unique()) == 16 * 10 * 50
    loki.assert_ordered()


def test_too_many_bodies_waiting_are_answered_429_with_a_hint(agents, loki):
    """P3: memory is bounded, so a receiver says no when what waits is too much."""
    loki.behave(Status(503))
    agent = agents(gateway(loki, agent={"memory_limit": "32MiB"},
                           output={"buffer": {"memory": "1MiB", "disk": "2MiB"},
                                   "spool_after": {"live": "100ms"}},
                           reply_timeout="3s")).start()
    port = agent.listen_ports()[0]
    import os
    statuses = []
    for i in range(60):
        noise = os.urandom(150_000).hex().encode()
        streams = [('{app="a"}', [(T0 + i, noise[:200_000], ())])]
        status, _, headers = push(port, streams, timeout=40)
        statuses.append(status)
        if status in (429, 503):
            assert any(name.lower() == "retry-after" for name in headers), headers
            break
    assert statuses[-1] in (429, 503), statuses
    assert SANITIZED or agent.memory()["peak"] < 64 * 1024
    loki.heal()
    wait_until(lambda: push(port, STREAMS)[0] == 204, "it takes bodies again", timeout=40)


def test_a_slow_client_holds_up_no_other(receiver, loki):
    import socket
    slow = socket.create_connection(("127.0.0.1", receiver.port))
    slow.sendall(b"POST /loki/api/v1/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 b"Content-Length: 1000\r\n\r\n{")
    assert push(receiver.port, STREAMS)[0] == 204
    slow.close()
    pause(0.1)
    assert push(receiver.port, STREAMS)[0] == 204


def test_structured_metadata_of_json_keeps_its_order_of_names(receiver, loki):
    body = json.dumps({"streams": [{"stream": {"app": "a"}, "values": [
        [str(T0), "x", {"b": "2", "a": "1"}]]}]}).encode()
    assert post(receiver.port, body, JSON)[0] == 204
    assert dict(loki.unique()[0].metadata) == {"a": "1", "b": "2"}
