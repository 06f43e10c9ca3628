"""OpenTelemetry's requests, by protobuf itself: made, read, and written as OTLP/JSON."""
import atexit
import base64
import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
PATHS = {"traces": "/v1/traces", "logs": "/v1/logs", "metrics": "/v1/metrics"}
_PROTO = Path(__file__).resolve().parents[2] / "plugins/common/otlp/proto"


def _compile():
    folder = tempfile.mkdtemp(prefix="otlp-proto-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(["protoc", f"-I{_PROTO}", f"--python_out={folder}",
                    *sorted(str(path) for path in _PROTO.glob("*.proto"))], check=True)
    sys.path.insert(0, folder)
    try:
        return {name: importlib.import_module(name + "_pb2")
                for name in ("common", "trace", "logs", "metrics", "trace_service",
                             "logs_service", "metrics_service", "rpc")}
    finally:
        sys.path.remove(folder)


_MODULES = _compile()
common, trace, logs, metrics, rpc = (
    _MODULES[name] for name in ("common", "trace", "logs", "metrics", "rpc"))
REQUESTS = {"traces": _MODULES["trace_service"].ExportTraceServiceRequest,
            "logs": _MODULES["logs_service"].ExportLogsServiceRequest,
            "metrics": _MODULES["metrics_service"].ExportMetricsServiceRequest}
RESPONSES = {"traces": _MODULES["trace_service"].ExportTraceServiceResponse,
             "logs": _MODULES["logs_service"].ExportLogsServiceResponse,
             "metrics": _MODULES["metrics_service"].ExportMetricsServiceResponse}
_RESOURCES = {"traces": "resource_spans", "logs": "resource_logs", "metrics": "resource_metrics"}
_SCOPES = {"traces": "scope_spans", "logs": "scope_logs", "metrics": "scope_metrics"}
_RECORDS = {"traces": "spans", "logs": "log_records", "metrics": "metrics"}
REJECTED = {"traces": "rejected_spans", "logs": "rejected_log_records",
            "metrics": "rejected_data_points"}
NOW = 1_767_322_445_000_000_000


def resources(signal, request):
    return getattr(request, _RESOURCES[signal])


def records(signal, request):
    """Each span, log record or metric with its resource and scope, serialized: to compare."""
    found = []
    for resource in resources(signal, request):
        for scope in getattr(resource, _SCOPES[signal]):
            head = (resource.resource.SerializeToString(deterministic=True), resource.schema_url,
                    scope.scope.SerializeToString(deterministic=True), scope.schema_url)
            found += [(*head, record.SerializeToString(deterministic=True))
                      for record in getattr(scope, _RECORDS[signal])]
    return found


# Making requests

def set_value(to, value):
    """An AnyValue of Python's own types."""
    if isinstance(value, bool):
        to.bool_value = value
    elif isinstance(value, int):
        to.int_value = value
    elif isinstance(value, float):
        to.double_value = value
    elif isinstance(value, str):
        to.string_value = value
    elif isinstance(value, bytes):
        to.bytes_value = value
    elif isinstance(value, list):
        to.array_value.SetInParent()
        for item in value:
            set_value(to.array_value.values.add(), item)
    elif isinstance(value, dict):
        to.kvlist_value.SetInParent()
        set_attributes(to.kvlist_value.values, value)


def set_attributes(to, attributes):
    for key, value in attributes.items():
        pair = to.add(key=key)
        set_value(pair.value, value)


EVERY_KIND = {"text": "a \u00fc \U0001f600 \"b\"\n", "empty": "", "yes": True, "no": False,
              "int": -(2 ** 63), "large": 2 ** 63 - 1, "real": 0.1, "bytes": bytes(range(256)),
              "list": ["a", 1, [2.5, {"deep": b"x"}]], "map": {"k": {"l": "m"}}, "null": None}


def fill_span(span, number, rng):
    span.trace_id = rng.randbytes(15) + b"\1"
    span.span_id = (number + 1).to_bytes(8, "big")
    span.parent_span_id = rng.randbytes(8) if number % 2 else b""
    span.trace_state = "vendor=1,other=2" if number % 3 == 0 else ""
    span.name = f"span {number}"
    span.kind = number % 6
    span.start_time_unix_nano = NOW + number
    span.end_time_unix_nano = NOW + number + rng.randrange(10 ** 9)
    set_attributes(span.attributes, EVERY_KIND if number % 5 == 0 else {"http.method": "GET"})
    span.dropped_attributes_count = number % 3
    if number % 4 == 0:
        event = span.events.add(time_unix_nano=NOW, name="event", dropped_attributes_count=1)
        set_attributes(event.attributes, {"exception.type": "E"})
        link = span.links.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8),
                              trace_state="a=b", flags=0x101)
        set_attributes(link.attributes, {"why": 1})
        span.dropped_events_count, span.dropped_links_count = 2, 3
    span.status.code = number % 3
    if span.status.code == 2:
        span.status.message = "it broke"
    span.flags = 0x301


def fill_log(record, number, rng):
    record.time_unix_nano = NOW + number
    record.observed_time_unix_nano = NOW + number + 1
    record.severity_number = 1 + number % 24
    record.severity_text = "INFO"
    set_value(record.body, EVERY_KIND if number % 5 == 0 else f"line {number}")
    set_attributes(record.attributes, {"n": number})
    record.dropped_attributes_count = 1
    if number % 2:
        record.flags, record.trace_id, record.span_id = 1, rng.randbytes(16), rng.randbytes(8)
    record.event_name = "e" if number % 3 == 0 else ""


def fill_metric(metric, number, rng):
    metric.name, metric.description, metric.unit = f"metric_{number}", "what it is", "s"
    set_attributes(metric.metadata, {"k": "v"})
    kind = ("gauge", "sum", "histogram", "exponential_histogram", "summary")[number % 5]
    data = getattr(metric, kind)
    if kind in ("sum", "histogram", "exponential_histogram"):
        data.aggregation_temporality = 1 + number % 2
    if kind == "sum":
        data.is_monotonic = True
    point = data.data_points.add(start_time_unix_nano=NOW - 10, time_unix_nano=NOW + number)
    set_attributes(point.attributes, {"le": "x", "n": number})
    point.flags = number % 2
    if kind in ("gauge", "sum"):
        if number % 2:
            point.as_int = -number
        else:
            point.as_double = number / 8
    else:
        point.count, point.sum = 7, 1.5
    if kind == "histogram":
        point.bucket_counts.extend([1, 2, 4])
        point.explicit_bounds.extend([0.5, 1e9])
        point.min, point.max = 0.0, 2.0
    elif kind == "exponential_histogram":
        point.scale, point.zero_count, point.zero_threshold = -3, 2, 1e-9
        point.positive.offset = -5
        point.positive.bucket_counts.extend([1, 300, 2 ** 40])
        point.negative.bucket_counts.extend([1])
    elif kind == "summary":
        point.quantile_values.add(quantile=0.5, value=3)
    if kind != "summary":
        exemplar = point.exemplars.add(time_unix_nano=NOW, as_double=2.5,
                                       span_id=rng.randbytes(8), trace_id=rng.randbytes(16))
        set_attributes(exemplar.filtered_attributes, {"user": "u"})


FILL = {"traces": fill_span, "logs": fill_log, "metrics": fill_metric}


def make_request(signal, first, count, rng, service="shop", scopes=2):
    """A request of one resource with records [first, first + count) in a few scopes."""
    request = REQUESTS[signal]()
    resource = resources(signal, request).add(schema_url="https://opentelemetry.io/schemas/1.21.0")
    set_attributes(resource.resource.attributes, {"service.name": service, "host": "h"})
    for number in range(scopes):
        scope = getattr(resource, _SCOPES[signal]).add(schema_url=f"scope {number}")
        scope.scope.name, scope.scope.version = f"library.{number}", "1.0"
        for i in range(first + number, first + count, scopes):
            FILL[signal](getattr(scope, _RECORDS[signal]).add(), i, rng)
    return request


# OTLP/JSON

_HEX = {"trace_id", "span_id", "parent_span_id"}
_LONG = {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64,
         FieldDescriptor.TYPE_SFIXED64}


def to_json(message):
    """What json.dumps takes: ids in hexadecimal, enumerations as numbers."""
    return {field.json_name:
            [_json_value(field, item) for item in value]
            if field.label == FieldDescriptor.LABEL_REPEATED else _json_value(field, value)
            for field, value in message.ListFields()}


def _json_value(field, value):
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return to_json(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex() if field.name in _HEX else base64.b64encode(value).decode()
    if field.type in _LONG:
        return str(value)
    return value
