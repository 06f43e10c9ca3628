"""Requests of OTLP metrics that try each rule of the conversion to Prometheus's series.

All have fixed times, so that what a real Prometheus makes of them can be recorded. A request has a
resource of its own, since no two of them may write one series at one time.
"""
import gzip
import json
import math
import random
import struct
from pathlib import Path

from harness import otlp_wire as wire
from harness.configs import QUICK

DELTA, CUMULATIVE = 1, 2
NO_VALUE = 1
NAN_BITS = (0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000123, 0x7FF0000000000002)


def real_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


class Metrics:
    """A request that grows: one resource, one scope unless more are asked for."""

    def __init__(self, name, attributes=None, when=wire.NOW):
        self.name = name
        self.when = when
        self.request = wire.REQUESTS["metrics"]()
        if attributes is None:
            attributes = {"service.name": "shop", "service.namespace": "prod",
                          "service.instance.id": name, "host.name": "node-a"}
        self.new_resource(attributes)

    def new_resource(self, attributes):
        self.resource = self.request.resource_metrics.add(schema_url="https://example.com/r")
        wire.set_attributes(self.resource.resource.attributes, attributes)
        self.new_scope()

    def new_scope(self, name="", version="", schema_url="", attributes=None):
        self.scope = self.resource.scope_metrics.add(schema_url=schema_url)
        self.scope.scope.name, self.scope.scope.version = name, version
        wire.set_attributes(self.scope.scope.attributes, attributes or {})

    def metric(self, name, kind, unit="", temporality=CUMULATIVE, monotonic=False,
               description="what it is"):
        metric = self.scope.metrics.add(name=name, unit=unit, description=description)
        data = getattr(metric, kind)
        data.SetInParent()
        if kind not in ("gauge", "summary"):
            data.aggregation_temporality = temporality
        if kind == "sum":
            data.is_monotonic = monotonic
        return data

    def point(self, data, attributes=None, seconds=0, start=0, **fields):
        point = data.data_points.add(time_unix_nano=self.when + seconds * 10 ** 9,
                                     start_time_unix_nano=start, **fields)
        wire.set_attributes(point.attributes, attributes or {})
        return point

    def add(self, name, kind, unit="", attributes=None, temporality=CUMULATIVE, monotonic=False,
            seconds=0, **fields):
        data = self.metric(name, kind, unit, temporality, monotonic)
        return self.point(data, attributes, seconds, **fields)


def numbers():
    m = Metrics("numbers")
    m.add("requests", "sum", "{request}", {"code": 503}, monotonic=True, as_int=42)
    m.add("queue.size", "sum", as_double=-3)
    m.add("load", "gauge", as_double=0.1)
    m.add("int.least", "gauge", as_int=-(2 ** 63))
    m.add("int.most", "sum", monotonic=True, as_int=2 ** 63 - 1)
    m.add("int.odd", "gauge", as_int=2 ** 53 + 1)
    m.add("no.value", "gauge")
    for i, value in enumerate((math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)):
        m.add(f"extreme.{i}", "gauge", as_double=value)
    for i, bits in enumerate(NAN_BITS):
        m.add(f"nan.{i}", "gauge", as_double=real_of(bits))
    data = m.metric("over.time", "sum", monotonic=True)
    for second in range(4):
        m.point(data, {"a": "b"}, second, wire.NOW - 10 ** 9, as_int=second)
        m.point(data, {"a": "c"}, second, wire.NOW - 10 ** 9, as_int=2 * second)
    return m.request


def empty_metrics():
    m = Metrics("empty")
    m.metric("nothing.gauge", "gauge")
    m.metric("nothing.histogram", "histogram")
    m.add("something", "gauge", as_int=1)
    m.new_scope("without metrics")
    m.new_resource({"service.name": "without scopes", "a": "b"})
    return m.request


def no_recorded_value():
    m = Metrics("stale")
    for kind in ("gauge", "sum"):
        data = m.metric(f"ends.{kind}", kind, monotonic=True)
        m.point(data, as_int=5)
        m.point(data, seconds=1, flags=NO_VALUE)
    data = m.metric("ends.histogram", "histogram")
    buckets = {"bucket_counts": [1, 1], "explicit_bounds": [1.0]}
    m.point(data, count=2, sum=3, **buckets)
    m.point(data, seconds=1, flags=NO_VALUE, count=2, sum=3, **buckets)
    m.point(data, {"no": "sum"}, count=2, **buckets)
    m.point(data, {"no": "sum"}, seconds=1, flags=NO_VALUE, **buckets)
    data = m.metric("ends.summary", "summary")
    for second in range(2):
        point = m.point(data, seconds=second, flags=second, count=2, sum=3)
        point.quantile_values.add(quantile=0.5, value=1)
    data = m.metric("ends.exponential", "exponential_histogram")
    point = m.point(data, count=3, sum=3, zero_count=3)
    m.point(data, seconds=1, flags=NO_VALUE)
    m.add("other.flags", "gauge", flags=2, as_int=1)
    return m.request


NAMES = ("plain", "with.dots", "with_under_scores", "two__under", "..lead", "trail.", "_one",
         "__two", "1st", "9", "a-b c/d", "colon:name", ":colon", "über.größe", "日本.metric", "total",
         "total.of.total", "x.total", "ratio.x", "seconds", "x.seconds", "seconds.x", "x_per_second",
         "Bytes", "bytes.used", "a\nb", "emoji.🚰", "a..b", "-.-a-.-", "x.ratio", "requests.total.s",
         "second", "_total", "milliseconds_ratio")


def names():
    m = Metrics("names")
    for number, name in enumerate(NAMES):
        for kind, monotonic, unit in (("gauge", False, ""), ("sum", True, ""), ("gauge", False, "1"),
                                      ("sum", True, "s"), ("sum", False, "By/s"),
                                      ("summary", False, "1")):
            if kind == "summary":
                m.add(f"{name}", kind, unit, {"n": number, "kind": kind}, count=1, sum=2)
            else:
                m.add(name, kind, unit, {"n": number, "kind": kind + unit + str(monotonic)},
                      monotonic=monotonic, as_int=number)
    return m.request


UNITS = ("d", "h", "min", "s", "ms", "us", "ns", "By", "KiBy", "MiBy", "GiBy", "TiBy", "KBy", "MBy",
         "GBy", "TBy", "m", "V", "A", "J", "W", "g", "Cel", "Hz", "1", "%", "s/s", "By/m", "m/h",
         "1/d", "x/w", "x/mo", "x/y", "/s", "s/", "/", "{packet}", "{packet}/s", "By/{packet}",
         "{a}/{b}", "1/s", "1/{x}", " s ", "By / s", "a/b/c", "kg", "kg*m", "m^2", "°C", "__x__",
         "_", "x_", "_/_", "x_/y_", "-", "count", "metric", "%/s", "By/parsec", "{", "}", "a{b}c",
         "1 ", "seconds", "bytes", "per_second", "\t")


def units():
    m = Metrics("units")
    for number, unit in enumerate(UNITS):
        m.add("unit.metric", "gauge", unit, {"n": number}, as_int=number)
        m.add("unit.count", "sum", unit, {"n": number}, monotonic=True, as_int=number)
        m.add(f"unit.seconds.{number}", "histogram", unit, count=0, bucket_counts=[0])
    return m.request


def attributes():
    m = Metrics("attributes")
    m.add("every.kind", "gauge", attributes=wire.EVERY_KIND, as_int=1)
    reals = (0.5, 1e21, 1e20, 1e-6, 1e-7, 123456789.0, -0.0, math.inf, -math.inf, math.nan, 1e100, 3.0)
    m.add("reals", "gauge", attributes={f"r{i}": real for i, real in enumerate(reals)}, as_int=1)
    nested = {"list": [0.5, None, True, b"\1\2", [1, []], {}, math.pi, 1e21, "<&>\u2028"],
              "map": {"b": 1, "a": {"y": [1.5], "x": None}, "é": "\"\\\n", "bytes": b"abc"}}
    m.add("nested", "gauge", attributes=nested, as_int=1)
    for number, name in enumerate(NAMES + ("a.b.c", "__reserved__", "__a.b__", "_1x", "__1", "1.1",
                                           "a__b", "key_x", "__x", "x__", "____a")):
        m.add("odd.name", "gauge", attributes={name: f"v{number}", "n": number}, as_int=number)
    return m.request


def colliding_attributes():
    m = Metrics("colliding")
    m.add("two", "gauge", attributes={"a_b": "2", "a.b": "1"}, as_int=1)
    m.add("three", "gauge", attributes={"a-b": "x", "a/b": "y", "a.b": "z", "a_b": ""}, as_int=1)
    m.add("empty.first", "gauge", attributes={"a.b": "", "a_b": "y"}, as_int=1)
    m.add("empty", "gauge", attributes={"only": ""}, as_int=1)
    m.add("own.job", "gauge", attributes={"job": "mine", "instance": "mine"}, as_int=1)
    m.add("own.name", "gauge", attributes={"__name__": "mine", "name": "x"}, as_int=1)
    m.add("le.is.taken", "histogram", attributes={"le": "mine"}, count=1, sum=1, bucket_counts=[1, 0],
          explicit_bounds=[2.5])
    point = m.add("quantile.is.taken", "summary", attributes={"quantile": "mine"}, count=1, sum=1)
    point.quantile_values.add(quantile=0.5, value=2)
    m.add("like.resource", "gauge", attributes={"host.name": "of the point"}, as_int=1)
    m.add("like.resource.empty", "gauge", attributes={"host.name": ""}, as_int=1)
    m.add("like.scope", "gauge", attributes={"otel_scope_name": "of the point", "otel.scope.x": "y"},
          as_int=1)
    return m.request


BOUNDS = ([], [0.5], [0, 5, 10], [-1, 0.1, 1e-9, 1e21], [0.005, 0.01, 0.025, 1, 2.5, 1000000])


def histograms():
    m = Metrics("histograms")
    for number, bounds in enumerate(BOUNDS):
        ordered = sorted(bounds)
        counts = list(range(1, len(ordered) + 2))
        m.add("sizes", "histogram", "By", {"n": number}, count=sum(counts), sum=1.5 * number,
              bucket_counts=counts, explicit_bounds=ordered)
    m.add("no.sum", "histogram", "s", count=1, bucket_counts=[0, 1], explicit_bounds=[1.0])
    m.add("negative.sum", "histogram", count=1, sum=-2.5, bucket_counts=[1, 0], explicit_bounds=[0.0])
    m.add("extremes", "histogram", count=2, sum=3, min=1, max=2, bucket_counts=[2, 0],
          explicit_bounds=[2.0])
    m.add("sparse", "histogram", count=4, sum=3, bucket_counts=[0, 0, 1, 0, 0, 0, 0, 2, 0, 1, 0],
          explicit_bounds=[float(i) for i in range(10)])
    m.add("none", "histogram", count=0, sum=0, bucket_counts=[0, 0], explicit_bounds=[1.0])
    data = m.metric("over.time", "histogram", "ms")
    for second in range(3):
        m.point(data, seconds=second, start=wire.NOW - 1, count=second, sum=second,
                bucket_counts=[second, 0], explicit_bounds=[0.25])
    return m.request


def histogram_without_buckets():
    m = Metrics("unbucketed")
    m.add("no.buckets", "histogram", count=7, sum=2.5)
    return m.request


def exponential_histograms():
    m = Metrics("exponential")

    def add(name, scale, positive=(0, ()), negative=(0, ()), zero=0, seconds=0, **fields):
        counts = list(positive[1]) + list(negative[1])
        point = m.add(name, "exponential_histogram", "s", seconds=seconds,
                      count=zero + sum(counts), scale=scale, zero_count=zero, **fields)
        point.positive.offset, point.negative.offset = positive[0], negative[0]
        point.positive.bucket_counts.extend(positive[1])
        point.negative.bucket_counts.extend(negative[1])

    add("plain", 3, (0, (1, 2, 3)), sum=5.5)
    add("offset", 0, (-5, (1, 0, 2)), sum=0.5)
    add("far.offset", 5, (1000, (1,)), sum=0.5)
    add("zeros", 2, zero=4, sum=0)
    add("all.three", 1, (2, (1, 1)), (-3, (4, 0, 0, 0, 0, 5)), 6, sum=-5)
    add("negative", 8, negative=(7, (1, 2)), sum=-5)
    add("gaps", 4, (0, (1, 0, 0, 2, 0, 0, 0, 3, 0, 4)), sum=1)
    add("empty.ends", 4, (-2, (0, 0, 0, 0, 5, 0, 0, 0, 0)), sum=1)
    add("only.empty", 4, (9, (0, 0, 0, 0, 0)), zero=1, sum=1)
    add("nothing", 0, sum=0)
    add("no.sum", 0, (0, (1,)))
    add("coarse", -4, (0, (1, 2)), sum=1)
    # Without empty buckets: up to 3.15 Prometheus counts what follows one in its neighbour.
    for scale in (9, 10, 12, 20):
        add(f"fine.{scale}", scale, (-37, tuple(1 + i % 3 for i in range(100))),
            (5, tuple(range(1, 40))), sum=1)
    add("threshold", 2, (0, (1, 2)), zero=3, zero_threshold=0.25, sum=1)
    add("large", 0, (0, (2 ** 40, 1, 2 ** 33)), sum=1e300)
    add("not.a.number", 0, (0, (1,)), sum=math.nan)
    data = m.metric("over.time", "exponential_histogram")
    for second in range(3):
        point = m.point(data, {"a": "b"}, second, wire.NOW - 10 ** 9, count=second + 1, sum=second,
                        scale=1)
        point.positive.bucket_counts.extend([second + 1])
    return m.request


def summaries():
    m = Metrics("summaries")
    point = m.add("rpc", "summary", "ms", {"a": "b"}, count=4, sum=8)
    for quantile in (0, 0.5, 0.99, 0.999999, 1, 1e-7):
        point.quantile_values.add(quantile=quantile, value=quantile * 3)
    m.add("without.quantiles", "summary", "By/s", count=0)
    point = m.add("nan", "summary", count=0, sum=0)
    point.quantile_values.add(quantile=0.5, value=math.nan)
    m.add("of.total", "summary", "1", count=1, sum=1)
    return m.request


TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))


def exemplars():
    m = Metrics("exemplars")

    def add(point, value, milliseconds, attributes=None, **fields):
        exemplar = point.exemplars.add(time_unix_nano=m.when + milliseconds * 10 ** 6, **fields)
        if isinstance(value, int):
            exemplar.as_int = value
        else:
            exemplar.as_double = value
        wire.set_attributes(exemplar.filtered_attributes, attributes or {})

    add(m.add("with.trace", "sum", monotonic=True, as_int=1), 2.5, 1, trace_id=TRACE, span_id=SPAN)
    add(m.add("with.attributes", "sum", monotonic=True, as_int=1), 7, 1,
        {"user.id": "u-1", "n": 5, "list": [1, "x"]}, trace_id=TRACE)
    add(m.add("long", "sum", monotonic=True, as_int=1), 7, 1, {"long": "x" * 130}, trace_id=TRACE,
        span_id=SPAN)
    add(m.add("bare", "sum", as_int=1), 7, 1)
    point = m.add("several", "sum", monotonic=True, as_int=1)
    for i in range(4):
        add(point, float(i), i, {"n": i})
    point = m.add("buckets", "histogram", "s", count=4, sum=9, bucket_counts=[1, 1, 2],
                  explicit_bounds=[1.0, 5.0])
    for i, value in enumerate((0.5, 1.0, 3, 7.0, 8.0)):
        add(point, value, i, {"n": i}, trace_id=TRACE)
    point = m.add("native", "exponential_histogram", "s", count=2, sum=9, scale=2)
    point.positive.bucket_counts.extend([1, 1])
    for i in range(3):
        add(point, float(i), i, {"n": i}, span_id=SPAN)
    return m.request


def resources():
    """Identities, and what target_info has of each."""
    m = Metrics("resources", {"service.name": "only name", "a.b": "c", "x": 1})
    m.add("up", "gauge", as_int=1)
    for attributes in (
            {"service.name": "", "service.namespace": "ns", "service.instance.id": "empty name", "a": 1},
            {"service.name": "n", "service.namespace": "", "service.instance.id": "empty ns", "a": 1},
            {"service.name": "n", "service.instance.id": "", "a": "empty instance"},
            {"service.namespace": "ns", "service.instance.id": "no name", "a": 1},
            {"service.namespace": "ns only", "a": 1},
            {"service.name": "nothing else", "service.instance.id": "i"},
            {"service.name": 7, "service.namespace": 1.5, "service.instance.id": 9, "n": 1},
            {"a": "no identity"},
            {},
            {"service.name": "odd", "__name__": "x", "job": "of the resource", "instance": "i",
             "a.b": "1", "a_b": "2", "1st": "3", "empty": "", "über": "u", "_x": "y"},
            {"job": "attribute only", "a": "b"},
            {"service.name": "only empty ones", "e": ""},
            {"service.name": "kinds", **wire.EVERY_KIND}):
        m.new_resource(attributes)
        m.add(f"up.{len(m.request.resource_metrics)}", "gauge", as_int=1)
    m.new_resource({"service.name": "seven minutes", "a": "b"})
    data = m.metric("long", "gauge")
    for seconds in (0, 100, 151, 419):
        m.point(data, seconds=seconds, as_int=seconds)
    m.new_resource({"service.name": "twice", "a": "b"})
    m.add("first", "gauge", as_int=1)
    m.new_resource({"service.name": "twice", "a": "b"})
    m.add("second", "gauge", as_int=1)
    return m.request


def scopes():
    m = Metrics("scopes")
    m.new_scope("library", "1.2", "https://example.com/s", {"a.b": "c", "name": "x", "n": 7})
    m.add("scoped", "gauge", as_int=1)
    m.new_scope("", "1.2", "https://example.com/s", {"a.b": "no name"})
    m.add("nameless", "gauge", as_int=1)
    m.new_scope("bare")
    m.add("bare", "histogram", count=1, sum=1, bucket_counts=[1])
    m.new_scope("odd", "", "", {"ü": "x", "version": "of an attribute", "e": ""})
    m.add("odd", "summary", attributes={"otel_scope_version": "point's"}, count=1, sum=1)
    return m.request


def random_mix():
    rng = random.Random(11)
    m = Metrics("random")
    words = ["http", "server", "duration", "total", "bytes", "ratio", "x", "1", "ö", "", "_", "seconds"]
    marks = [".", "_", "-", "/", "__", " "]
    for number in range(150):
        name = rng.choice(marks).join(rng.choice(words) for _ in range(rng.randrange(1, 5))) + "z"
        values = {rng.choice(marks).join(rng.choice(words) for _ in range(2)) + "k":
                  rng.choice(["v", 1, 0.25, True, [1], {"a": 1}, ""]) for _ in range(rng.randrange(4))}
        values["number"] = number
        kind = rng.choice(["gauge", "sum", "histogram", "summary"])
        fields = {"as_double": rng.random()} if kind in ("gauge", "sum") else {"count": 0, "sum": 0}
        if kind == "histogram":
            fields["bucket_counts"] = [0]
        m.add(name, kind, rng.choice(UNITS), values, monotonic=rng.random() < 0.5, **fields)
    return m.request


CASES = {make.__name__: make for make in (
    numbers, empty_metrics, no_recorded_value, names, units, attributes, colliding_attributes,
    histograms, histogram_without_buckets, exponential_histograms, summaries, exemplars, resources, scopes, random_mix)}


REFUSED = {
    "delta_sum": lambda m: m.add("d", "sum", temporality=DELTA, monotonic=True, as_int=1),
    "delta_histogram": lambda m: m.add("d", "histogram", temporality=DELTA, count=1, sum=1),
    "delta_exponential": lambda m: m.add("d", "exponential_histogram", temporality=DELTA, count=0),
    "no_temporality": lambda m: m.add("d", "sum", temporality=0, as_int=1),
    "no_name": lambda m: m.add("", "gauge", as_int=1),
    "no_attribute_name": lambda m: m.add("d", "gauge", attributes={"": "x"}, as_int=1),
    "scale_too_coarse": lambda m: m.add("d", "exponential_histogram", scale=-5, count=0),
}
"""Requests that Prometheus refuses, each for one reason."""


def refused_request(name):
    metrics = Metrics(f"refused {name}")
    REFUSED[name](metrics)
    return metrics.request


GROUPS = {
    "default": {},
    "promote_all": {"promote_all_resource_attributes": True,
                    "ignore_resource_attributes": ["host.name", "1st"]},
    "promote_some": {"promote_resource_attributes": ["host.name", "a.b", "service.name", "missing"],
                     "keep_identifying_resource_attributes": True},
    "scope_metadata": {"promote_scope_metadata": True},
    "without_suffixes": {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"},
    "utf8_with_suffixes": {"translation_strategy": "NoUTF8EscapingWithSuffixes"},
    "no_translation": {"translation_strategy": "NoTranslation"},
    "custom_buckets": {"convert_histograms_to_nhcb": True},
}
"""Options, which are Prometheus's own; all cases are tried with each."""
REFUSED_BY_GROUP = {"custom_buckets": {"histogram_without_buckets"}}


def agent_config(url, options):
    """OTLP over HTTP in; remote write 2.0, which carries everything, out."""
    write = {"type": "prometheus_remote_write", "url": url, "send_exemplars": True, **QUICK,
             "protobuf_message": "io.prometheus.write.v2.Request", "otlp_to_metrics": options}
    return {"inputs": {"in": {"type": "otlp", "http": {"listen": "127.0.0.1:0"}}},
            "outputs": {"prom": write},
            "pipelines": {"metrics": {"signal": "metrics", "inputs": ["in"], "outputs": ["prom"]}}}


# What a real Prometheus made of the cases

_RECORDED = Path(__file__).resolve().parents[1] / "e2e/converter_otlp_to_metrics/recorded"


def record(group, series):
    _RECORDED.mkdir(exist_ok=True)
    text = "\n".join(json.dumps(one, sort_keys=True) for one in series)
    (_RECORDED / f"{group}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def recorded(group):
    text = gzip.decompress((_RECORDED / f"{group}.jsonl.gz").read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def assert_equal(ours, wanted):
    """Of stored_series.as_json(); tells what differs and not everything that there is."""
    def by_labels(series):
        return {json.dumps(one["labels"], sort_keys=True): json.loads(json.dumps(one))
                for one in series}
    ours, wanted = by_labels(ours), by_labels(wanted)
    told = [f"missing: {wanted[labels]}" for labels in wanted if labels not in ours]
    told += [f"too much: {ours[labels]}" for labels in ours if labels not in wanted]
    told += [f"{labels}\n  ours: {ours[labels]}\n  theirs: {wanted[labels]}" for labels in ours
             if labels in wanted and ours[labels] != wanted[labels]]
    assert not told, f"{len(told)} series differ:\n" + "\n".join(told[:60])
