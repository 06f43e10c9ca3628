"""An OTLP receiver over HTTP that stores in memory, is strict, and answers what the test wants."""
import gzip
import http.client
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from harness import otlp_wire as wire
from harness.waiting import PATIENCE, pause, wait_until

SIGNALS = {path: signal for signal, path in wire.PATHS.items()}


class Seen(NamedTuple):
    signal: str
    headers: dict
    status: int
    records: list
    body: bytes  # uncompressed


class FakeOtlp:
    """POST /v1/traces and so on, on a port of its own. Thread-safe.

    `behave(answer)`: a function of (number of the request, signal, request) that gives None (store
    and answer 200) or (status, headers, body), when nothing is stored, or a response message, when
    everything is.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.requests = []
        self.stored = {signal: [] for signal in wire.PATHS}
        self.complaints = []
        self.hangs = threading.Event()
        self._behaviour = None
        self._count = 0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                fake._serve(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a client that was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.hangs.clear()
        self._server.shutdown()
        self._server.server_close()

    def behave(self, answer):
        self._behaviour = answer

    def heal(self):
        self._behaviour = None
        self.hangs.clear()

    def _serve(self, handler):
        headers = {name.lower(): value for name, value in handler.headers.items()}
        payload = read_body(handler.rfile, headers)
        while self.hangs.is_set():
            pause(0.05)
        signal = SIGNALS.get(handler.path)
        status, extra, answer, body, records = 200, {}, b"", b"", []
        with self.lock:
            self._count += 1
            number = self._count
        try:
            if signal is None:
                raise ValueError(f"a path that is none: {handler.path}")
            if headers.get("content-type") != wire.PROTOBUF:
                raise ValueError(f"Content-Type {headers.get('content-type')}")
            body = unpack(headers.get("content-encoding"), payload)
            request = wire.REQUESTS[signal].FromString(body)
            records = wire.records(signal, request)
        except Exception as error:  # whatever is wrong with a request is the agent's fault
            self.complaints.append(repr(error))
            status, answer = 400, repr(error).encode()
        else:
            told = self._behaviour(number, signal, request) if self._behaviour else None
            if isinstance(told, tuple):
                status, extra, answer = told
            else:
                with self.lock:
                    self.stored[signal] += records
                if told is not None:
                    answer = told.SerializeToString()
                extra = {"Content-Type": wire.PROTOBUF}
        with self.lock:
            self.requests.append(Seen(signal, headers, status, records, body))
        try:
            handler.send_response(status)
            for name, value in extra.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except OSError:
            handler.close_connection = True

    def wait_records(self, signal, count, timeout=20):
        wait_until(lambda: len(self.stored[signal]) >= count,
                   lambda: f"{count} {signal} came ({len(self.stored[signal])} did); "
                           f"{self.complaints[:3]}", timeout)


def read_body(stream, headers):
    if headers.get("transfer-encoding") != "chunked":
        return stream.read(int(headers["content-length"]))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def unpack(encoding, payload):
    if encoding == "gzip":
        return gzip.decompress(payload)
    if encoding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=payload, capture_output=True,
                              check=True).stdout
    if encoding:
        raise ValueError(f"Content-Encoding {encoding}")
    return payload


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    def response(self, signal):
        return wire.RESPONSES[signal].FromString(self.body)

    def error(self):
        """(code, message) of the google.rpc.Status."""
        if self.headers["content-type"] == wire.JSON:
            told = json.loads(self.body)
            return told["code"], told["message"]
        told = wire.rpc.Status.FromString(self.body)
        return told.code, told.message


def post(port, path, body, content_type=wire.PROTOBUF, headers=None, timeout=40, method="POST"):
    """The answer; status None when the connection broke."""
    headers = dict(headers or {})
    if content_type:
        headers["Content-Type"] = content_type
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * PATIENCE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    except OSError as error:
        return Answer(None, {}, str(error).encode())
    except http.client.HTTPException as error:
        return Answer(None, {}, repr(error).encode())
    finally:
        connection.close()


def export(port, signal, request, form="protobuf", headers=None, **options):
    if form == "json":
        body, kind = json.dumps(wire.to_json(request)).encode(), wire.JSON
    else:
        body, kind = request.SerializeToString(), wire.PROTOBUF
    return post(port, wire.PATHS[signal], body, kind, headers, **options)
