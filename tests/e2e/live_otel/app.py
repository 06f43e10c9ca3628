"""An application with OpenTelemetry's Python SDK: exports everything twice, to AGENT and DIRECT,
over TRANSPORT (http or grpc), and ends with 0 when all exports succeeded."""
import logging
import os
import sys

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, set_span_in_context

if os.environ["TRANSPORT"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    def exporter(kind, where, signal):
        return kind(endpoint=os.environ[where], insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def exporter(kind, where, signal):
        return kind(endpoint=f"{os.environ[where]}/v1/{signal}", compression=Compression.Gzip)

PLACES = ("AGENT", "DIRECT")
problems = []


def watched(exporter):
    """Remembers exports that failed."""
    export = exporter.export

    def watch(*arguments, **options):
        result = export(*arguments, **options)
        if result.name != "SUCCESS":
            problems.append(f"{type(exporter).__name__}: {result}")
        return result
    exporter.export = watch
    return exporter


class Failures(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING:
            problems.append(record.getMessage())


logging.getLogger("opentelemetry").addHandler(Failures())
resource = Resource.create({"service.name": "shop", "service.instance.id": "one", "n": 5,
                            "list": ["a", "b"], "real": 0.5, "yes": True})

tracing = TracerProvider(resource=resource)
for place in PLACES:
    tracing.add_span_processor(SimpleSpanProcessor(
        watched(exporter(OTLPSpanExporter, place, "traces"))))
tracer = tracing.get_tracer("app", "1.2", attributes={"scope": "attribute"})
first = tracer.start_span("first", kind=SpanKind.SERVER, attributes={"http.method": "GET"})
with tracer.start_as_current_span("caf\u00e9", context=set_span_in_context(first), kind=SpanKind.CLIENT,
                                  links=[Link(first.get_span_context(), {"why": 1})]) as span:
    span.add_event("event", {"exception.type": "E", "sizes": [1, 2, 3]})
    span.set_status(Status(StatusCode.ERROR, "it broke"))
first.end()

logs = LoggerProvider(resource=resource)
for place in PLACES:
    logs.add_log_record_processor(SimpleLogRecordProcessor(
        watched(exporter(OTLPLogExporter, place, "logs"))))
logger = logs.get_logger("app", "1.2")
for number in range(3):
    logger.emit(timestamp=1767322445000000000 + number, severity_number=SeverityNumber.WARN,
                severity_text="WARN", body={"n": number, "text": "line\n\"quoted\""},
                attributes={"number": number}, event_name="happened")

measuring = MeterProvider(resource=resource, metric_readers=[
    PeriodicExportingMetricReader(watched(exporter(OTLPMetricExporter, place, "metrics")),
                                  export_interval_millis=3_600_000) for place in PLACES])
meter = measuring.get_meter("app", "1.2")
meter.create_counter("requests", "1", "How many").add(5, {"code": 200})
meter.create_up_down_counter("open").add(-2)
histogram = meter.create_histogram("duration", "s")
for value in (0.1, 3.5, 9000):
    histogram.record(value, {"path": "/"})

assert tracing.force_flush() and logs.force_flush() and measuring.force_flush()
print("\n".join(problems))
sys.exit(1 if problems else 0)
