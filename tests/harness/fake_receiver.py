"""A receiver of remote write that stores in memory and answers what the test wants."""
import threading
import time
from typing import NamedTuple

from harness import remote_write_wire as wire
from harness import stored_series
from harness.post_server import PostServer, send_answer
from harness.waiting import pause, wait_until


class Request(NamedTuple):
    began: float
    ended: float
    headers: dict
    status: int
    payload: bytes
    series: list


class FakeReceiver:
    """POST /api/v1/write on a port of its own. Thread-safe.

    `behave(answer)`: a function of (number of the request, headers, series) that gives None (store
    and answer 204) or (status, headers[, body]); nothing is stored then. 2.0 is understood when
    `knows_v2`; else a 2.0 body is answered `answer_to_v2` (a status, or 204 without headers).
    """

    def __init__(self, knows_v2=True, answer_to_v2=415):
        self.lock = threading.RLock()
        self.requests = []
        self.samples = {}  # labels -> [(bits, timestamp)] in order of arrival
        self.complaints = []
        self.knows_v2, self.answer_to_v2 = knows_v2, answer_to_v2
        self.delay = 0.0
        self._behaviour = lambda number, headers, series: None
        self._count = 0
        self._server = PostServer(self._serve)
        self.port = self._server.port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/api/v1/write"

    def close(self):
        self._server.close()

    def behave(self, answer):
        self._behaviour = answer

    def heal(self):
        self._behaviour = lambda number, headers, series: None

    def _serve(self, handler):
        began = time.monotonic()
        payload = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        kind = headers.get("content-type", "")
        status, extra, body, series = 204, {}, b"", []
        with self.lock:
            self._count += 1
            number = self._count
        if "write.v2" in kind and not self.knows_v2:
            status = self.answer_to_v2
        else:
            try:
                series = wire.decode(kind, payload)
                answer = self._behaviour(number, headers, series)
            except wire.WireError as error:
                self.complaints.append(str(error))
                answer = (400, {}, str(error).encode())
            if answer is None:
                pause(self.delay)
                extra = self._store(kind, series, payload)
            else:
                status, extra, *rest = answer
                body = rest[0] if rest else b""
        with self.lock:
            self.requests.append(
                Request(began, time.monotonic(), headers, status, payload, series))
        send_answer(handler, status, extra, body)

    def _store(self, kind, series, payload):
        with self.lock:
            for labels, samples in series:
                self.samples.setdefault(labels, []).extend(samples)
        if "write.v2" not in kind:
            return {}
        whole = stored_series.of_write(kind, payload)
        return {f"X-Prometheus-Remote-Write-{what.capitalize()}-Written":
                str(sum(len(getattr(one, what)) for one in whole))
                for what in ("samples", "histograms", "exemplars")}

    def stored(self):
        """{labels: Series} of all that was answered 204, histograms and exemplars too."""
        with self.lock:
            return stored_series.merge(
                series for request in self.requests if request.status == 204
                for series in stored_series.of_write(request.headers["content-type"],
                                                     request.payload))

    def of(self, name):
        """{labels without __name__: [(bits, timestamp)]} of a metric."""
        with self.lock:
            return {tuple(pair for pair in labels if pair[0] != "__name__"): list(samples)
                    for labels, samples in self.samples.items() if ("__name__", name) in labels}

    def wait_requests(self, count, timeout=20):
        wait_until(lambda: len(self.requests) >= count,
                   lambda: f"{count} requests came ({len(self.requests)} did)", timeout)

    def wait_samples(self, count, timeout=20):
        def arrived():
            with self.lock:
                return sum(len(samples) for samples in self.samples.values())
        wait_until(lambda: arrived() >= count, lambda: f"{count} samples came ({arrived()} did)",
                   timeout)
