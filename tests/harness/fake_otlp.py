"""An OTLP receiver over HTTP that stores in memory, is strict, and answers what the test wants."""
import gzip
import http.client
import json
import subprocess
from typing import NamedTuple

from harness import otlp_wire as wire
from harness.otlp_store import OtlpStore
from harness.post_server import PostServer, send_answer
from harness.waiting import PATIENCE, pause

SIGNALS = {path: signal for signal, path in wire.PATHS.items()}


class Seen(NamedTuple):
    signal: str
    headers: dict
    status: int
    records: list
    body: bytes  # uncompressed


class FakeOtlp(OtlpStore):
    """POST /v1/traces and so on, on a port of its own. A refusal is (status, headers, body)."""

    def __init__(self):
        super().__init__()
        self._count = 0
        self._server = PostServer(self._serve)
        self.port = self._server.port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.hangs.clear()
        self._server.close()

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
        send_answer(handler, status, extra, answer)


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
