"""OTLP with load: killed, and with a server in trouble. What was acknowledged arrives."""
import os
import random
import socket
import threading

import pytest
from grpc import StatusCode

from harness import grpc_otlp, otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import FakeOtlp, export
from harness.waiting import pause, wait_until

SECONDS = float(os.environ.get("TAILRACE_FAULT_SECONDS", "15"))
LIMIT_MIB = 64


class Http:
    """OTLP over HTTP, in and out."""
    Server = FakeOtlp
    ok, later, full = {200}, {None, 429, 503}, 429
    unavailable = staticmethod(lambda *_: (503, {}, b""))
    exhausted = staticmethod(lambda *_: (429, {"Retry-After": "1"}, b""))

    @staticmethod
    def config(server, **options):
        return otlp_chain(server, **options)

    @staticmethod
    def export(port, signal, request):
        return export(port, signal, request).status


class Grpc:
    """The same over gRPC."""
    Server = grpc_otlp.FakeGrpcOtlp
    ok, full = {StatusCode.OK}, StatusCode.RESOURCE_EXHAUSTED
    later = {StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.CANCELLED}
    unavailable = staticmethod(lambda *_: grpc_otlp.Told(StatusCode.UNAVAILABLE, "not now"))
    exhausted = staticmethod(
        lambda *_: grpc_otlp.Told(StatusCode.RESOURCE_EXHAUSTED, "slow down", 1))

    @staticmethod
    def config(server, output=None, input=None, **options):
        config = otlp_chain(server.url, output={"protocol": "grpc", **(output or {})}, **options)
        config["inputs"]["in"] = {"type": "otlp", "grpc": {"listen": "127.0.0.1:0"},
                                  **(input or {})}
        return config

    @staticmethod
    def export(port, signal, request):
        return grpc_otlp.export(port, signal, request).code


@pytest.fixture(params=[Http, Grpc])
def way(request):
    return request.param


@pytest.fixture
def server(way):
    server = way.Server()
    yield server
    server.close()


class Clients:
    """Threads that export one request after the other; each is sent until it is acknowledged."""

    def __init__(self, agent, way, count=4):
        self.agent, self.way = agent, way
        self.acknowledged, self.statuses, self.errors = [], {}, []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client):
        rng = random.Random(client)
        number = 0
        try:
            while not self._stop.is_set():
                signal = rng.choice(list(wire.PATHS))
                first = client * 10 ** 6 + number
                number += 20
                request = wire.make_request(signal, first, 20, rng, service=f"client {client}")
                self._send(signal, request)
        except Exception as error:
            self.errors.append(repr(error))

    def _send(self, signal, request):
        while not self._stop.is_set():
            try:
                port = self.agent.listen_ports()[0]
            except (AssertionError, IndexError):  # it is starting
                pause(0.02)
                continue
            status = self.way.export(port, signal, request)
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status in self.way.ok:
                    self.acknowledged += [(signal, record)
                                          for record in wire.records(signal, request)]
                    return
            assert status in self.way.later, status
            pause(0.02)


def assert_all_arrived(server, agent, clients):
    wait_until(lambda: agent.ledger_total("waiting") == 0, lambda: agent.ledger(), 60)
    stored = {(signal, record) for signal in wire.PATHS for record in server.stored[signal]}
    missing = [record for record in clients.acknowledged if record not in stored]
    assert not missing, f"{len(missing)} of {len(clients.acknowledged)} were lost"
    assert len(clients.acknowledged) > 500, clients.statuses
    assert not clients.errors and not server.complaints


def recover(server, agent):
    """All is well again, and clients get on for a while."""
    server.heal()
    agent.wait_ready()
    pause(1)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_thirty_kills_with_load(agents, way, server, lanes):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    agent = agents(way.config(server, agent={"lanes": lanes})).start()
    with Clients(agent, way) as clients:
        for _ in range(30):
            server.behave(rng.choice([way.unavailable, way.exhausted, None, None]))
            pause(rng.uniform(0.05, 0.6))
            agent.kill()
            agent.start(ready=False)
        recover(server, agent)
    assert_all_arrived(server, agent, clients)


def accepted(agents, way, server, **options):
    """Clients are answered as soon as their request was checked."""
    return agents(way.config(server, input={"ack": "accepted"}, **options)).start()


@pytest.mark.slow
def test_what_was_accepted_outlives_a_stop_with_load(agents, way, server):
    """With the server there, and with one that is away."""
    agent = accepted(agents, way, server, agent={"shutdown_grace": "1s"})
    with Clients(agent, way) as clients:
        for trouble in [None, way.unavailable] * 3:
            server.behave(trouble)
            pause(0.5)
            agent.stop()
            agent.start(ready=False)
        recover(server, agent)
    assert_all_arrived(server, agent, clients)


@pytest.mark.slow
def test_of_what_was_accepted_a_kill_takes_the_last_second_at_most(agents, way, server):
    """The server is away, so that all goes to the spool."""
    agent = accepted(agents, way, server)
    server.behave(way.unavailable)
    with Clients(agent, way) as clients:
        pause(2)
        safe = len(clients.acknowledged)
        pause(2)  # spool_after is a second
        agent.kill()
        agent.start(ready=False)
        server.heal()
        agent.wait_ready()
    clients.acknowledged = clients.acknowledged[:safe]
    assert_all_arrived(server, agent, clients)


@pytest.mark.slow
def test_what_was_accepted_is_kept_when_queue_and_spool_are_full(agents, way, server):
    agent = accepted(agents, way, server,
                     output={"compression": "none", "buffer": {"memory": "1MiB", "disk": "8MiB"}})
    server.behave(way.unavailable)
    with Clients(agent, way) as clients:
        wait_until(lambda: clients.statuses.get(way.full, 0) > 20, lambda: clients.statuses, 60)
        server.heal()
        pause(1)
    assert_all_arrived(server, agent, clients)


def partial(number, signal, request):
    told = wire.RESPONSES[signal]()
    told.partial_success.error_message = "a warning"
    return told


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["unavailable", "exhausted", "partial success", "hang"])
def test_trouble_downstream(agents, way, server, trouble):
    """Memory stays within the limit, and whoever was told that all is well has arrived."""
    agent = agents(way.config(server, agent={"memory_limit": f"{LIMIT_MIB}MiB"},
                              output={"timeout": "2s", "buffer": {"memory": "2MiB",
                                                                  "disk": "256MiB"}})).start()
    rss = []
    with Clients(agent, way) as clients:
        pause(1)
        if trouble == "hang":
            server.hangs.set()
        else:
            server.behave(partial if trouble == "partial success" else getattr(way, trouble))
        for _ in range(int(SECONDS * 4)):
            rss.append(agent.memory()["rss"])
            pause(0.25)
        server.heal()
        pause(1)
    assert max(rss) <= LIMIT_MIB * 1024, f"RSS {max(rss)} KiB"
    assert_all_arrived(server, agent, clients)
    assert agent.metrics().total("tailrace_ledger_errors_total") == 0


@pytest.mark.slow
def test_a_thousand_idle_connections(agents, otlp):
    agent = agents(otlp_chain(otlp, agent={"memory_limit": f"{LIMIT_MIB}MiB"},
                              http={"max_connections": 1100})).start()
    port = agent.listen_ports()[0]
    idle = []
    for i in range(1000):
        connection = socket.create_connection(("127.0.0.1", port))
        if i % 2:  # a client that never goes on
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n"
                               b"Content-Type: application/x-protobuf\r\n\r\n\x0a")
        idle.append(connection)
    request = wire.make_request("traces", 0, 20, random.Random(1))
    wait_until(lambda: export(port, "traces", request).status == 200, "others are served", 30)
    assert agent.memory()["rss"] <= LIMIT_MIB * 1024
    for connection in idle:
        connection.close()
    wait_until(lambda: agent.metrics().total("tailrace_input_incoming_bytes") == 0,
               "what was reserved is given back")
