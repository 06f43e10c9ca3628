"""Scraped metrics over OTLP, by OpenTelemetry's rules for Prometheus."""
import pytest

from harness import otlp_wire as wire
from harness.configs import QUICK
from harness.page_server import PageServer, changing, page
from harness.scraping import job
from harness.waiting import wait_until

PAGE = """# HELP hits_total What it is.
# TYPE hits_total counter
hits_total{code="503"} 42
# TYPE level gauge
level 0.5
# TYPE duration_seconds histogram
duration_seconds_bucket{le="0.5"} 1
duration_seconds_bucket{le="+Inf"} 4
duration_seconds_sum 12.5
duration_seconds_count 4
# TYPE rpc summary
rpc{quantile="0.99"} 3
rpc_sum 8
rpc_count 4
what 1
"""


@pytest.fixture
def server():
    made = PageServer()
    yield made
    made.close()


def config_of(server, otlp, processors=None):
    return {"inputs": {"scrape": {"type": "prometheus_scrape",
                                  "scrape_configs": [job(f"127.0.0.1:{server.port}")]}},
            "processors": processors or {},
            "outputs": {"out": {"type": "otlp", "endpoint": otlp.url, **QUICK}},
            "pipelines": {"metrics": {"signal": "metrics", "inputs": ["scrape"],
                                      "processors": list(processors or {}), "outputs": ["out"]}}}


def received(otlp):
    """{name of the metric: (attributes of the resource, scope, metric)}, the latest of each."""
    found = {}
    for seen in list(otlp.requests):
        for resource in wire.REQUESTS["metrics"].FromString(seen.body).resource_metrics:
            attributes = {pair.key: pair.value.string_value
                          for pair in resource.resource.attributes}
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = attributes, scope.scope.name, metric
    return found


def attributes_of(point):
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_every_type_of_a_page(agents, server, otlp):
    server.pages["/metrics"] = page(PAGE)
    agents(config_of(server, otlp)).start()
    wait_until(lambda: {"what", "up"} <= received(otlp).keys(), "the page came")
    found = received(otlp)
    resource, scope, hits = found["hits_total"]
    assert resource == {"service.name": "app", "service.instance.id": f"127.0.0.1:{server.port}"}
    assert scope == "tailrace"
    assert hits.description == "What it is."
    assert hits.sum.is_monotonic and hits.sum.aggregation_temporality == 2
    point, = hits.sum.data_points
    assert point.as_double == 42 and attributes_of(point) == {"code": "503"}
    assert point.time_unix_nano > 0
    assert found["level"][2].gauge.data_points[0].as_double == 0.5
    histogram, = found["duration_seconds"][2].histogram.data_points
    assert (histogram.count, histogram.sum) == (4, 12.5)
    assert list(histogram.bucket_counts) == [1, 3] and list(histogram.explicit_bounds) == [0.5]
    summary, = found["rpc"][2].summary.data_points
    assert (summary.count, summary.sum) == (4, 8)
    assert [(q.quantile, q.value) for q in summary.quantile_values] == [(0.99, 3)]
    assert found["what"][2].gauge.data_points[0].as_double == 1
    assert found["up"][2].gauge.data_points[0].as_double == 1
    assert not otlp.complaints


def test_a_large_page_is_not_cut_within_a_histogram(agents, server, otlp):
    count, buckets = 300, [*range(20), "+Inf"]  # some 6,900 rows, in batches of 1,500 or so
    text = "# TYPE h histogram\n" + "".join(
        "".join(f'h_bucket{{i="{i}",le="{le}"}} {n}\n' for n, le in enumerate(buckets))
        + f'h_sum{{i="{i}"}} 1\nh_count{{i="{i}"}} {len(buckets) - 1}\n' for i in range(count))
    server.pages["/metrics"] = page(text)
    agents(config_of(server, otlp)).start()
    wait_until(lambda: {"h", "up"} <= received(otlp).keys(), "the page came")
    points = {attributes_of(point)["i"]: point for seen in list(otlp.requests)
              for resource in wire.REQUESTS["metrics"].FromString(seen.body).resource_metrics
              for scope in resource.scope_metrics for metric in scope.metrics
              for point in metric.histogram.data_points}
    assert len(points) == count
    assert all(list(point.bucket_counts) == [0] + [1] * 20 for point in points.values())
    assert not any(name.startswith("h_") for name in received(otlp))


def test_processors_for_otlp_see_it(agents, server, otlp):
    server.pages["/metrics"] = page("level 1\n")
    agents(config_of(server, otlp, {"where": {"type": "resource",
                                              "upsert": {"k8s.cluster.name": "eu"}}})).start()
    wait_until(lambda: "level" in received(otlp), "the page came")
    assert received(otlp)["level"][0]["k8s.cluster.name"] == "eu"


def test_a_series_that_ends_has_no_value(agents, server, otlp):
    pages = iter(["level 1\n"])
    server.pages["/metrics"] = changing(lambda n: next(pages, "other 1\n"))
    agents(config_of(server, otlp)).start()

    def ended():
        metric = received(otlp).get("level")
        return metric and any(point.flags & 1 for point in metric[2].gauge.data_points)
    wait_until(ended, "level ends")
