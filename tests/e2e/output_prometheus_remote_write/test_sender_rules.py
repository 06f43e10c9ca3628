"""The rules for senders of remote write that show over several requests; each test has its rule's
name. Those of one request are in the plugin's sender_rules_test.cpp."""
import email.utils
import time

import pytest

from harness import push_client
from harness import remote_write_wire as wire
from harness.waiting import holds_for, wait_until

V2 = "io.prometheus.write.v2.Request"


def gateway(agents, receiver, **output):
    """An agent that takes remote write and passes it on to `receiver`."""
    return agents({
        "inputs": {"in": {"type": "prometheus_remote_write", "listen": "127.0.0.1:0",
                          "ack": "accepted"}},
        "outputs": {"out": {"type": "prometheus_remote_write", "url": receiver.url,
                            "batch": {"linger": "50ms"},
                            "retry": {"min_backoff": "50ms", "max_backoff": "200ms"}, **output}},
        "pipelines": {"p": {"inputs": ["in"], "outputs": ["out"]}},
    }).start()


def write(agent, series, encode=wire.encode_v1, kind=wire.V1):
    status, text, headers = push_client.post(agent.listen_ports()[0], encode(series), kind,
                                             {"Content-Encoding": "snappy"}, path="/api/v1/write")
    assert status == 204, text
    return headers


def points(first, count, name="m", **labels):
    return [({"__name__": name, **labels}, [(float(t), t)]) for t in range(first, first + count)]


def times(receiver, name="m"):
    (samples,) = receiver.of(name).values()
    return [timestamp for _, timestamp in samples]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_senders_retry_on_5xx_and_429_with_backoff(agents, receiver, status):
    receiver.behave(lambda number, *_: (status, {}) if number <= 3 else None)
    agent = gateway(agents, receiver)
    write(agent, points(1, 3))
    receiver.wait_samples(3)
    requests = receiver.requests
    assert [r.status for r in requests] == [status] * 3 + [204]
    assert len({r.payload for r in requests}) == 1, "a retry is the same request"
    assert [r.headers.get("retry-attempt") for r in requests] == [None, "1", "2", "3"]
    assert all(b.began - a.ended > 0.02 for a, b in zip(requests, requests[1:])), "no backoff"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_senders_do_not_retry_on_4xx(agents, receiver, status):
    receiver.behave(lambda number, *_: (status, {}) if number == 1 else None)
    agent = gateway(agents, receiver)
    write(agent, points(1, 3))
    receiver.wait_requests(1)
    write(agent, points(10, 2))
    receiver.wait_samples(2)
    holds_for(lambda: len(receiver.requests) == 2, "nothing is sent again", 0.5)
    assert times(receiver) == [10, 11]
    assert agent.ledger_total("refused") == 3


def test_senders_need_not_retry_on_429(agents, receiver):
    receiver.behave(lambda number, *_: (429, {}) if number == 1 else None)
    agent = gateway(agents, receiver, queue_config={"retry_on_http_429": False})
    write(agent, points(1, 3))
    wait_until(lambda: agent.ledger_total("refused") == 3, "they are refused")
    holds_for(lambda: len(receiver.requests) == 1, "nothing is sent again", 0.5)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_senders_honour_retry_after(agents, receiver, status, as_date):
    until = time.time() + 3
    value = email.utils.formatdate(until, usegmt=True) if as_date else "2"
    receiver.behave(lambda number, *_: (status, {"Retry-After": value}) if number == 1 else None)
    agent = gateway(agents, receiver)
    write(agent, points(1, 1))
    receiver.wait_samples(1)
    first, second = receiver.requests
    assert second.began - first.ended >= (1.0 if as_date else 1.9)


def test_samples_of_a_series_are_sent_in_order_of_time_over_failures(agents, receiver):
    receiver.behave(lambda number, *_: (503, {}) if number % 3 == 1 else None)
    agent = gateway(agents, receiver, shards=4)
    for t in range(1, 60):
        write(agent, points(t, 1, i="a") + points(t, 1, i="b") + points(t, 1, i="c"))
    receiver.wait_samples(3 * 59)
    for samples in receiver.of("m").values():
        assert [t for _, t in samples] == list(range(1, 60))
    assert not receiver.complaints


def test_requests_with_one_series_are_never_under_way_together(agents, receiver):
    receiver.delay = 0.05
    agent = gateway(agents, receiver, shards=3)
    for t in range(1, 30):
        write(agent, [({"__name__": "m", "i": str(i)}, [(1.0, t)]) for i in range(20)])
    receiver.wait_samples(29 * 20)
    last_end = {}
    for request in sorted(receiver.requests, key=lambda r: r.began):
        for labels, _ in request.series:
            assert request.began >= last_end.get(labels, 0) - 0.001
        for labels, _ in request.series:
            last_end[labels] = request.ended


def test_headers_of_1_0(agents, receiver):
    agent = gateway(agents, receiver, headers={"X-More": "1"}, tenant="red")
    write(agent, points(1, 1))
    receiver.wait_samples(1)
    headers = receiver.requests[0].headers
    assert headers["content-encoding"] == "snappy"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-prometheus-remote-write-version"] == "0.1.0"
    assert headers["user-agent"].startswith("tailrace/")
    assert (headers["x-more"], headers["x-scope-orgid"]) == ("1", "red")


def test_headers_of_2_0(agents, receiver):
    agent = gateway(agents, receiver, protobuf_message=V2)
    write(agent, points(1, 3))
    receiver.wait_samples(3)
    headers = receiver.requests[0].headers
    assert headers["content-type"] == wire.V2
    assert headers["x-prometheus-remote-write-version"] == "2.0.0"
    assert times(receiver) == [1, 2, 3]


def fell_back(agents, receiver):
    agent = gateway(agents, receiver, protobuf_message=V2)
    write(agent, points(1, 3))
    receiver.wait_samples(3)
    write(agent, points(4, 3))
    receiver.wait_samples(6)
    kinds = [r.headers["content-type"] for r in receiver.requests]
    assert kinds == [wire.V2, wire.V1, wire.V1]
    assert times(receiver) == list(range(1, 7))
    assert agent.ledger_total("refused") == 0


def test_on_415_senders_fall_back_to_1_0_and_remember(agents, receiver):
    receiver.knows_v2 = False
    fell_back(agents, receiver)


def test_a_success_that_wrote_nothing_of_2_0_is_a_415(agents, receiver):
    receiver.knows_v2, receiver.answer_to_v2 = False, 204
    fell_back(agents, receiver)


def test_a_partial_write_of_2_0_is_not_retried(agents, receiver):
    receiver.behave(lambda number, *_: (
        400, {"X-Prometheus-Remote-Write-Samples-Written": "2"}) if number == 1 else None)
    agent = gateway(agents, receiver, protobuf_message=V2)
    write(agent, points(1, 3))
    wait_until(lambda: agent.ledger_total("refused") == 1, "one is refused")
    assert agent.ledger_total("delivered") == 2
    assert len(receiver.requests) == 1


def test_too_large_requests_are_cut_until_they_fit(agents, receiver):
    receiver.behave(lambda number, headers, series: (413, {}) if len(series) > 5 else None)
    agent = gateway(agents, receiver)
    write(agent, [({"__name__": "m", "i": str(i)}, [(1.0, 5)]) for i in range(40)])
    receiver.wait_samples(40)
    assert all(len(samples) == 1 for samples in receiver.of("m").values())
    assert agent.ledger_total("refused") == 0


def test_redirects_are_followed_with_the_body(agents, receiver):
    receiver.behave(lambda number, *_: (
        308, {"Location": receiver.url + "?again"}) if number == 1 else None)
    agent = gateway(agents, receiver)
    write(agent, points(1, 2))
    receiver.wait_samples(2)


def test_samples_survive_a_kill_while_the_receiver_is_away(agents, receiver):
    receiver.behave(lambda *_: (503, {}))
    agent = gateway(agents, receiver)
    write(agent, points(1, 50))
    wait_until(lambda: agent.metrics().total("tailrace_output_spooled_requests_total") >= 1,
               "the request lies in the spool")
    agent.restart()
    receiver.heal()
    receiver.wait_samples(50, timeout=40)
    assert times(receiver) == list(range(1, 51))
