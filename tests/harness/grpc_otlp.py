"""OTLP over gRPC by Python's grpcio: clients, and a receiver that stores and answers at will."""
from concurrent import futures
from typing import NamedTuple

import grpc

from harness import otlp_wire as wire
from harness.otlp_store import OtlpStore
from harness.waiting import PATIENCE, wait_until

METHODS = {signal: f"/opentelemetry.proto.collector.{package}.v1.{service}/Export"
           for signal, package, service in (("traces", "trace", "TraceService"),
                                            ("logs", "logs", "LogsService"),
                                            ("metrics", "metrics", "MetricsService"))}
DETAILS = "grpc-status-details-bin"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


class Told(NamedTuple):
    """A refusal: its code, text, and the seconds of its RetryInfo, if there is one."""
    code: grpc.StatusCode
    text: str = ""
    retry_seconds: float = None

    def details(self):
        status = wire.rpc.Status(code=self.code.value[0], message=self.text)
        if self.retry_seconds is not None:
            info = wire.rpc.RetryInfo()
            info.retry_delay.seconds = int(self.retry_seconds)
            info.retry_delay.nanos = int(self.retry_seconds % 1 * 1e9)
            status.details.add(type_url=RETRY_INFO, value=info.SerializeToString())
        return status.SerializeToString()


class Answer(NamedTuple):
    code: grpc.StatusCode
    text: str
    status: object      # the google.rpc.Status of the details, or None
    response: object    # of an OK

    def retry_seconds(self):
        for detail in self.status.details if self.status else ():
            if detail.type_url == RETRY_INFO:
                delay = wire.rpc.RetryInfo.FromString(detail.value).retry_delay
                return delay.seconds + delay.nanos / 1e9
        return None


class Client:
    """A channel to a receiver."""

    def __init__(self, port, credentials=None, options=()):
        target = f"localhost:{port}" if credentials else f"127.0.0.1:{port}"
        self._channel = (grpc.secure_channel(target, credentials, options) if credentials
                         else grpc.insecure_channel(target, options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def export(self, signal, request, compression=None, timeout=40, metadata=(), method=None):
        """`request`: a message, or bytes."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        call = self._channel.unary_unary(method or METHODS[signal])
        try:
            answer = call(body, timeout=timeout * PATIENCE, metadata=metadata,
                          compression=compression)
        except grpc.RpcError as error:
            found = dict(error.trailing_metadata() or ()).get(DETAILS)
            return Answer(error.code(), error.details(),
                          wire.rpc.Status.FromString(found) if found else None, None)
        return Answer(grpc.StatusCode.OK, "", None, wire.RESPONSES[signal].FromString(answer))


def export(port, signal, request, **options):
    with Client(port) as client:
        return client.export(signal, request, **options)


class Seen(NamedTuple):
    signal: str
    metadata: dict
    told: object
    records: list


class FakeGrpcOtlp(OtlpStore, grpc.GenericRpcHandler):
    """The three services on a port of their own. A refusal is Told."""

    def __init__(self, credentials=None, options=(), port=0):
        super().__init__()
        self._server = grpc.server(futures.ThreadPoolExecutor(16), handlers=[self],
                                   options=options)
        where = f"127.0.0.1:{port}"
        self.port = (self._server.add_secure_port(where, credentials) if credentials
                     else self._server.add_insecure_port(where))
        self.url = f"http{'s' if credentials else ''}://localhost:{self.port}"
        self._server.start()

    def close(self):
        self.hangs.clear()
        self._server.stop(None).wait()

    def service(self, call):
        signal = next((s for s, method in METHODS.items() if method == call.method), None)
        if signal is None:
            self.complaints.append(f"a method that is none: {call.method}")
            return None
        metadata = dict(call.invocation_metadata)
        return grpc.unary_unary_rpc_method_handler(
            lambda body, context: self._serve(signal, metadata, body, context))

    def _serve(self, signal, metadata, body, context):
        wait_until(lambda: not self.hangs.is_set() or not context.is_active(), "the hang ends", 60)
        try:
            request = wire.REQUESTS[signal].FromString(body)
        except Exception as error:  # whatever is wrong with a request is the agent's fault
            self.complaints.append(repr(error))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, repr(error))
        with self.lock:
            number = len(self.requests) + 1
            told = self._behaviour(number, signal, request) if self._behaviour else None
            records = wire.records(signal, request)
            self.requests.append(Seen(signal, metadata, told, records))
            if not isinstance(told, Told):
                self.stored[signal] += records
        if isinstance(told, Told):
            context.set_trailing_metadata(((DETAILS, told.details()),))
            context.abort(told.code, told.text)
        return told.SerializeToString() if told is not None else b""
