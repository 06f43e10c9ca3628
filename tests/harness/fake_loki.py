"""A Loki that stores in memory, is as strict as the real one, and misbehaves on demand."""
import socket
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import snappy

from harness import loki_wire
from harness.waiting import wait_until

MAX_LINE = 256 * 1024
MAX_LABELS = 15
MAX_METADATA = 128
MAX_METADATA_BYTES = 64 * 1024


class Entry(NamedTuple):
    tenant: str
    labels: str
    timestamp: int
    line: bytes
    metadata: tuple


class Request(NamedTuple):
    at: float
    tenant: str
    headers: dict
    size: int
    status: int


class Exchange:
    """One request in work: what a fault may do with it."""

    def __init__(self, handler, loki):
        self.handler, self.loki = handler, loki
        self.headers = handler.headers
        self.tenant = handler.headers.get("X-Scope-OrgID", "")
        self.body = b""
        self._streams = None

    def socket(self):
        return self.handler.connection

    def read_half(self):
        self.handler.rfile.read(int(self.headers["Content-Length"]) // 2)

    def read_body(self):
        self.body = self.handler.rfile.read(int(self.headers["Content-Length"]))

    def streams(self):
        if self._streams is None:
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("application/json"):
                self._streams = loki_wire.decode_json(self.body)
            elif kind.startswith("application/x-protobuf"):
                self._streams = loki_wire.decode_protobuf(self.body)
            else:
                raise loki_wire.WireError(f"Content-Type {kind!r}")
        return self._streams

    def entries(self):
        return [Entry(self.tenant, labels, *entry)
                for labels, entries in self.streams() for entry in entries]

    def uncompressed_size(self):
        return len(snappy.decompress(self.body))

    def store(self, keep=lambda entry: True):
        """Stores what `keep` wants; returns how many it did not."""
        entries = self.entries()
        kept = [entry for entry in entries if keep(entry)]
        self.loki.add(kept)
        return len(entries) - len(kept)

    def answer(self, status, headers=None, body=b""):
        self.loki.note(self, status)
        self.handler.send_response(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        if status != 204:
            self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        if status != 204:
            self.handler.wfile.write(body)

    def drop(self):
        self.loki.note(self, 0)
        self.handler.close_connection = True
        self.socket().close()

    def hang(self):
        self.loki.note(self, 0)
        epoch = self.loki.epoch
        wait_for_change = self.loki.changed
        with wait_for_change:
            wait_for_change.wait_for(lambda: self.loki.epoch != epoch or self._client_left(), 600)
        self.handler.close_connection = True

    def _client_left(self):
        try:
            return self.socket().recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class FakeLoki:
    """POST /loki/api/v1/push on a port of its own. Thread-safe.

    `entries` has everything that was stored, in order of arrival, repeats included.
    """

    def __init__(self, require_tenant=False, lazy=False):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.require_tenant = require_tenant
        self.lazy = lazy  # answers at once, and decodes when somebody looks: for high rates
        self._bodies = []
        self._entries = []
        self.requests = []
        self.complaints = []  # what the real one would have answered 400 to, by itself
        self.epoch = 0
        self._faults = []  # [fault, remaining or None, tenant or None]
        self._server = None
        self._sockets = set()
        self.port = 0
        self.up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/loki/api/v1/push"

    # Up and down

    def up(self):
        """Listens (again, on the same port)."""
        assert self._server is None
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self):
        """Closes the port and all connections: connection refused from now on."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self.changed:
            self.epoch += 1
            self.changed.notify_all()
            sockets, self._sockets = self._sockets, set()
        for connection in sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # Misbehaviour

    def behave(self, fault, times=None, tenant=None):
        """Serves `fault` for the next `times` requests (None: until heal()), of one tenant."""
        with self.lock:
            self._faults.append([fault, times, tenant])

    def heal(self):
        with self.changed:
            self._faults.clear()
            self.epoch += 1
            self.changed.notify_all()

    def next_fault(self, tenant, before_body):
        with self.lock:
            for entry in self._faults:
                fault, remaining, only = entry
                if only is not None and only != tenant:
                    continue
                if getattr(fault, "before_body", False) != before_body:
                    return None
                if remaining is not None:
                    entry[1] -= 1
                    if entry[1] == 0:
                        self._faults.remove(entry)
                return fault
        return None

    # What came

    @property
    def entries(self):
        with self.lock:
            for exchange in self._bodies:
                self._entries.extend(exchange.entries())
            self._bodies.clear()
            return self._entries

    def add(self, entries):
        with self.changed:
            self._entries.extend(entries)
            self.changed.notify_all()

    def add_unread(self, exchange):
        with self.lock:
            self._bodies.append(exchange)

    def note(self, exchange, status):
        with self.lock:
            self.requests.append(Request(time.monotonic(), exchange.tenant, dict(exchange.headers),
                                         len(exchange.body), status))

    def complain(self, text):
        with self.lock:
            self.complaints.append(text)

    def unique(self):
        """What a person would see: exact repeats once, in order of first arrival."""
        with self.lock:
            return list(dict.fromkeys(self.entries))

    def lines(self, tenant=None):
        """Lines as a person would see them."""
        return [entry.line.decode("utf-8", "replace") for entry in self.unique()
                if tenant is None or entry.tenant == tenant]

    def streams(self):
        """{labels text: [entries as a person would see them, in order of arrival]}"""
        found = defaultdict(list)
        for entry in self.unique():
            found[entry.labels].append(entry)
        return dict(found)

    def labels(self):
        """The label sets that came, as dictionaries."""
        return [loki_wire.parse_labels(text) for text in self.streams()]

    def count(self):
        with self.lock:
            return len(self.entries)

    def wait_lines(self, expected, timeout=30):
        """Until every expected line (text) has come; then nothing else may have."""
        expected = set(expected)
        wait_until(lambda: self.count() >= len(expected) and expected <= set(self.lines()),
                   lambda: f"all lines came; missing {self._missing(expected)}", timeout, poll=0.05)

    def _missing(self, expected):
        missing = sorted(expected - set(self.lines()))
        return f"{len(missing)} of {len(expected)}: {missing[:5]}"

    def assert_exactly(self, expected):
        """The lines as a person would see them are exactly these, in any order, and no request
        held anything that Loki would refuse."""
        seen = sorted(self.lines())
        wanted = sorted(expected)
        if seen != wanted:
            missing = sorted(set(wanted) - set(seen))
            extra = sorted(set(seen) - set(wanted))
            raise AssertionError(
                f"{len(seen)} lines for {len(wanted)}: missing {len(missing)} {missing[:3]}, "
                f"extra {len(extra)} {extra[:3]}")
        assert not self.complaints, self.complaints[:3]

    def assert_repeats_identical(self):
        """For corpora whose lines are all different: a line that came twice came the same."""
        seen = {}
        for entry in self.unique():
            other = seen.setdefault((entry.tenant, entry.line), entry)
            assert other == entry, f"a repeat differs:\n  {other}\n  {entry}"

    def assert_ordered(self):
        """In every stream the first arrivals come in order of time."""
        for labels, entries in self.streams().items():
            times = [entry.timestamp for entry in entries]
            for before, after in zip(times, times[1:]):
                assert before <= after, f"out of order in {labels}: {after} after {before}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, loki):
        self.loki = loki
        super().__init__(address, _Handler)

    def handle_error(self, request, client_address):
        pass  # clients that went away; faults close sockets under the handler's hands


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.loki = self.server.loki
        with self.loki.lock:
            self.loki._sockets.add(self.request)

    def finish(self):
        with self.loki.lock:
            self.loki._sockets.discard(self.request)
        super().finish()

    def log_message(self, *_):
        pass

    def do_POST(self):
        exchange = Exchange(self, self.loki)
        fault = self.loki.next_fault(exchange.tenant, before_body=True)
        if fault:
            fault.serve(exchange)
            return
        exchange.read_body()
        if self.path != "/loki/api/v1/push":
            exchange.answer(404, {}, b"no such path")
            return
        fault = self.loki.next_fault(exchange.tenant, before_body=False)
        if fault:
            fault.serve(exchange)
        else:
            self.push(exchange)

    def push(self, exchange):
        """As Loki does: valid entries are stored, the rest is answered 400."""
        if self.loki.require_tenant and not exchange.tenant:
            exchange.answer(401, {}, b"no org id")
            return
        if self.loki.lazy:
            self.loki.add_unread(exchange)
            exchange.answer(204)
            return
        try:
            bad = check_streams(exchange.streams())
        except (loki_wire.WireError, UnicodeDecodeError, ValueError) as error:
            self.loki.complain(str(error))
            exchange.answer(400, {}, str(error).encode())
            return
        if not exchange.streams():
            exchange.answer(422, {}, b"no streams")
            return
        exchange.store(keep=lambda entry: entry[2:] not in bad)
        if bad:
            reasons = sorted(set(bad.values()))
            self.loki.complain(f"{len(bad)} entries: {reasons}")
            exchange.answer(400, {}, "; ".join(reasons).encode())
        else:
            exchange.answer(204)


def check_streams(streams):
    """{(timestamp, line, metadata) entry that Loki would refuse: why}, by its default limits."""
    bad = {}
    for labels, entries in streams:
        parsed = loki_wire.parse_labels(labels)
        names = [name for name in parsed if name != "service_name"]
        reason = None
        if not parsed:
            reason = "at least one label is required"
        elif len(names) > MAX_LABELS:
            reason = f"{len(names)} labels"
        elif any(len(value.encode()) > 2048 for value in parsed.values()):
            reason = "a label value over 2048 bytes"
        if list(parsed) != sorted(parsed):
            raise loki_wire.WireError(f"labels are not sorted: {labels}")
        for entry in entries:
            why = reason or check_entry(entry)
            if why:
                bad[entry] = why
    return bad


def check_entry(entry):
    _, line, metadata = entry
    if len(line) > MAX_LINE:
        return "line too long"
    if len(metadata) > MAX_METADATA:
        return "too much metadata"
    if sum(len(name) + len(value) for name, value in metadata) > MAX_METADATA_BYTES:
        return "metadata too large"
    line.decode("utf-8")  # a protobuf string: UnicodeDecodeError is a 400 of the whole request
    return None
