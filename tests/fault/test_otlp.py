"""OTLP with load: killed, and with a server in trouble. What was acknowledged arrives."""
import os
import random
import socket
import threading

import pytest

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import export
from harness.waiting import pause, wait_until

SECONDS = float(os.environ.get("TAILRACE_FAULT_SECONDS", "15"))
LIMIT_MIB = 64


class Clients:
    """Threads that export one request after the other; each is sent until it is acknowledged."""

    def __init__(self, agent, count=4):
        self.agent = agent
        self.acknowledged, self.statuses = [], {}
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
        while not self._stop.is_set():
            signal = rng.choice(list(wire.PATHS))
            first = client * 10 ** 6 + number + 1
            number += 20
            request = wire.make_request(signal, first, 20, rng, service=f"client {client}")
            self._send(signal, request)

    def _send(self, signal, request):
        while not self._stop.is_set():
            try:
                port = self.agent.listen_ports()[0]
            except AssertionError:
                continue
            status = export(port, signal, request).status
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.acknowledged += [(signal, record)
                                          for record in wire.records(signal, request)]
                    return
            assert status in (None, 429, 503), status
            pause(0.02)


def assert_all_arrived(otlp, agent, clients):
    wait_until(lambda: agent.ledger_total("waiting") == 0, lambda: agent.ledger(), 60)
    stored = {(signal, record) for signal in wire.PATHS for record in otlp.stored[signal]}
    missing = [record for record in clients.acknowledged if record not in stored]
    assert not missing, f"{len(missing)} of {len(clients.acknowledged)} were lost"
    assert len(clients.acknowledged) > 500, clients.statuses
    assert not otlp.complaints


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_thirty_kills_with_load(agents, otlp, lanes):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    trouble = [lambda *_: (503, {}, b""), lambda *_: (429, {"Retry-After": "1"}, b""), None, None]
    agent = agents(otlp_chain(otlp, agent={"lanes": lanes})).start()
    with Clients(agent) as clients:
        for _ in range(30):
            otlp.behave(rng.choice(trouble))
            pause(rng.uniform(0.05, 0.6))
            agent.kill()
            agent.start(ready=False)
        otlp.heal()
        agent.wait_ready()
        pause(1)
    assert_all_arrived(otlp, agent, clients)


def partial(number, signal, request):
    told = wire.RESPONSES[signal]()
    told.partial_success.error_message = "a warning"
    return told


TROUBLE = {"503": lambda *_: (503, {}, b""),
           "429": lambda *_: (429, {"Retry-After": "1"}, b""),
           "partial success": partial,
           "hang": None}


@pytest.mark.slow
@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_downstream(agents, otlp, name):
    """Memory stays within the limit, and whoever was told 200 has arrived in the end."""
    agent = agents(otlp_chain(otlp, agent={"memory_limit": f"{LIMIT_MIB}MiB"},
                              output={"timeout": "2s", "buffer": {"memory": "2MiB",
                                                                  "disk": "256MiB"}})).start()
    rss = []
    with Clients(agent) as clients:
        pause(1)
        if name == "hang":
            otlp.hangs.set()
        else:
            otlp.behave(TROUBLE[name])
        for _ in range(int(SECONDS * 4)):
            rss.append(agent.memory()["rss"])
            pause(0.25)
        otlp.heal()
        pause(1)
    assert max(rss) <= LIMIT_MIB * 1024, f"RSS {max(rss)} KiB"
    assert_all_arrived(otlp, agent, clients)
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
