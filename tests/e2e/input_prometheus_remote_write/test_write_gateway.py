"""A gateway between real Prometheus servers, and the receiver's answers on a real socket."""
import http.client

import pytest

from harness import prometheus_server, push_client
from harness import remote_write_wire as wire
from harness.prometheus_server import PrometheusServer
from harness.waiting import wait_until

real = pytest.mark.skipif(not prometheus_server.available(), reason="no prometheus here")


def config(url, **output):
    return {
        "inputs": {"in": {"type": "prometheus_remote_write", "listen": "127.0.0.1:0"}},
        "outputs": {"out": {"type": "prometheus_remote_write", "url": url,
                            "retry": {"min_backoff": "50ms", "max_backoff": "500ms"}, **output}},
        "pipelines": {"p": {"inputs": ["in"], "outputs": ["out"]}},
    }


@pytest.fixture
def prometheus(tmp_path):
    """Makes real Prometheus servers: prometheus(config, name=…)."""
    made = []

    def make(settings=None, **options):
        made.append(PrometheusServer(tmp_path, settings, name=f"prometheus{len(made)}", **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@real
@pytest.mark.parametrize("output", [{}, {"protobuf_message": "io.prometheus.write.v2.Request"},
                                    {"shards": 4}], ids=["1.0", "2.0 falls back", "shards"])
def test_prometheus_through_us_to_prometheus_sample_for_sample(agents, prometheus, output):
    target = prometheus()
    agent = agents(config(target.write_url, **output)).start()
    source = prometheus({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "own", "static_configs": [
            {"targets": [f"127.0.0.1:{target.port}"]}]}],
        "remote_write": [{"url": f"http://127.0.0.1:{agent.listen_ports()[0]}/api/v1/write",
                          "queue_config": {"batch_send_deadline": "200ms"}}]})
    selector = '{job="own"}'
    wait_until(lambda: len(target.samples('up{job="own"}')) == 1 and
               len(next(iter(target.samples('up{job="own"}').values()))) >= 5,
               lambda: f"samples arrive; {agent.log_tail()}", 60)
    got, sent = target.samples(selector), source.samples(selector)
    assert len(got) > 300
    for labels, samples in got.items():
        known = sent[labels]
        # What is still on its way is missing at the end, and nothing anywhere else.
        assert samples == known[:len(samples)], labels
    assert agent.ledger_total("refused") == agent.ledger_total("dropped") == 0


@real
def test_a_target_that_is_away_is_waited_for(agents, prometheus, receiver):
    agent = agents(config(receiver.url)).start()
    receiver.behave(lambda *_: (503, {}))
    prometheus({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "none", "static_configs": [
            {"targets": ["127.0.0.1:1"]}]}],
        "remote_write": [{"url": f"http://127.0.0.1:{agent.listen_ports()[0]}/api/v1/write",
                          "queue_config": {"batch_send_deadline": "200ms"}}]})
    receiver.wait_requests(5)
    receiver.heal()
    receiver.wait_samples(20)
    (samples,) = receiver.of("up").values()
    times = [t for _, t in samples]
    assert times == sorted(set(times)), "each sample once, in order"
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert max(gaps) < 1500, "none is missing"


def write(agent, body, kind=wire.V1, **headers):
    return push_client.post(agent.listen_ports()[0], body, kind,
                            {"Content-Encoding": "snappy", **headers}, path="/api/v1/write")


SERIES = [({"__name__": "a", "x": "1"}, [(1.5, 10), (2.5, 20)]), ({"__name__": "b"}, [(3.0, 10)])]


@pytest.mark.parametrize("encode, kind", [(wire.encode_v1, wire.V1), (wire.encode_v2, wire.V2)],
                         ids=["1.0", "2.0"])
def test_what_is_written_arrives_and_the_client_is_told(agents, receiver, encode, kind):
    agent = agents(config(receiver.url)).start()
    status, _, headers = write(agent, encode(SERIES), kind)
    assert status == 204
    assert {labels: [t for _, t in samples] for labels, samples in receiver.samples.items()} == {
        (("__name__", "a"), ("x", "1")): [10, 20], (("__name__", "b"),): [10]}
    written = headers.get("X-Prometheus-Remote-Write-Samples-Written")
    assert written == ("3" if kind == wire.V2 else None)


def test_a_refusal_of_the_server_reaches_the_client(agents, receiver):
    agent = agents(config(receiver.url)).start()
    receiver.behave(lambda *_: (400, {}, b"out of order sample"))
    status, text, _ = write(agent, wire.encode_v1(SERIES))
    assert status == 400
    assert "out of order sample" in text


def test_wrong_bodies_and_types_are_answered_with_reasons(agents, receiver):
    agent = agents(config(receiver.url)).start()
    assert write(agent, b"\xff\xff\xff\xff\xff")[0] == 400
    assert write(agent, wire.encode_v1(SERIES), "application/json")[0] == 415
    status, text, _ = write(agent, wire.encode_v1([({"x": "1"}, [(1.0, 1)])]))
    assert status == 400 and "__name__" in text
    port = agent.listen_ports()[0]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/api/v1/write")
    assert connection.getresponse().status == 405
    assert write(agent, wire.encode_v1(SERIES))[0] == 204
    assert len(receiver.requests) == 1


def test_a_body_over_the_limit_is_413_and_costs_nothing(agents, receiver):
    settings = config(receiver.url)
    settings["inputs"]["in"]["max_body_size"] = "64KiB"
    agent = agents(settings).start()
    large = [({"__name__": "m", "i": f"{i:x}" * 50}, [(float(i), i)]) for i in range(20000)]
    assert write(agent, wire.encode_v1(large))[0] in (413, None)
    bomb = wire.snappy.compress(b"\0" * (30 << 20))
    assert len(bomb) < 2 << 20
    assert write(agent, bomb)[0] in (413, None)
    assert write(agent, wire.encode_v1(SERIES))[0] == 204
