"""The same pages scraped by the real Prometheus and by tailrace: the same series.

Debian's Prometheus is 2.42, our norm is 3.x; what differs on purpose is listed in DIFFERENCES.
"""
import math
import shutil
import subprocess

import pytest

from harness.page_server import OPENMETRICS, page
from harness.prometheus_server import PrometheusServer, available, free_port
from harness.scraping import scrape_to
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(not available(), reason="no prometheus here")

PAGE = r"""# HELP odd Odd values.
# TYPE odd gauge
odd{v="nan"} NaN
odd{v="inf"} +Inf
odd{v="-inf"} -Inf
odd{v="tiny"} 4.9406564584124654e-324
odd{v="long"} 0.1000000000000000055511151231257827
odd{v="huge"} 1.7976931348623157e308
odd{v="exp"} 1e9
odd{v="neg zero"} -0
odd { v = "spaces" , } 1
odd{v="q\"b\\n\nu é"} 2
http_seconds_bucket{le="0.5"} 3
http_seconds_bucket{le="+Inf"} 4
http_seconds_sum 5.25
http_seconds_count 4
quantiles{quantile="0.99"} 0.25
with_job{job="own",instance="mine",exported_job="x"} 1
twice 1
twice 2
empty_label{a=""} 1
""" + "".join(f'many{{i="{i}"}} {i / 7!r}\n' for i in range(1000))

OPEN = """# TYPE things counter
# UNIT things seconds
things_total{a="b"} 17 # {trace_id="abc"} 0.5
things_created{a="b"} 1520430000.1
# EOF
""".replace("# UNIT things seconds\n", "")

DIFFERENCES = {"scrape_duration_seconds"}  # of each one's own


def jobs_for(server):
    def job(name, path, **options):
        return {"job_name": name, "scrape_interval": "1s", "scrape_timeout": "1s",
                "metrics_path": path, "static_configs": [{"targets": [server.address]}], **options}
    return [
        job("text", "/metrics"),
        job("honor", "/metrics", honor_labels=True),
        job("open", "/open"),
        job("down", "/nothing"),
        job("limited", "/metrics", sample_limit=100),
        job("relabeled", "/metrics",
            relabel_configs=[{"target_label": "zone", "replacement": "z${1}"},
                             {"source_labels": ["__address__"], "regex": r"(.*):\d+",
                              "target_label": "host"}],
            metric_relabel_configs=[
                {"source_labels": ["__name__"], "regex": "http_.*", "action": "drop"},
                {"source_labels": ["i"], "regex": "1(.*)", "target_label": "j",
                 "replacement": "<$1>"},
                {"regex": "exported_.*", "action": "labeldrop"}]),
    ]


def comparable(value):
    number = float(value)
    return "NaN" if math.isnan(number) else (number, math.copysign(1, number))


def last_values(prometheus, selector='{job!=""}'):
    """{labels: the last value within the stale window}"""
    result = {}
    for labels, samples in prometheus.samples(selector, "5m").items():
        if dict(labels)["__name__"] not in DIFFERENCES:
            result[labels] = comparable(samples[-1][1])
    return result


def current(prometheus, query='{job!=""}'):
    """{labels: value} of what is not stale now."""
    import json
    import urllib.parse
    import urllib.request
    url = f"http://127.0.0.1:{prometheus.port}/api/v1/query?" + urllib.parse.urlencode(
        {"query": query})
    with urllib.request.urlopen(url, timeout=30) as answer:
        rows = json.loads(answer.read())["data"]["result"]
    return {tuple(sorted(row["metric"].items())): comparable(row["value"][1]) for row in rows
            if row["metric"]["__name__"] not in DIFFERENCES}


@pytest.fixture
def both(agents, server, tmp_path):
    """A Prometheus that scrapes, and one that tailrace writes to."""
    made = []

    def start(jobs):
        scraper = PrometheusServer(tmp_path, {"scrape_configs": jobs}, name="scraper")
        made.append(scraper)
        store = PrometheusServer(tmp_path, name="store")
        made.append(store)
        agent = agents(scrape_to(store.write_url, jobs, output={"protobuf_message":
                                                               "prometheus.WriteRequest"})).start()
        return scraper, store, agent

    yield start
    for one in made:
        one.stop()


def same(expected, got):
    missing = {labels: value for labels, value in expected.items() if labels not in got}
    extra = {labels: value for labels, value in got.items() if labels not in expected}
    other = {labels: (value, got[labels]) for labels, value in expected.items()
             if labels in got and got[labels] != value}
    return not missing and not extra and not other, \
        f"missing {list(missing.items())[:5]}\nextra {list(extra.items())[:5]}\n" \
        f"different {list(other.items())[:5]}"


def test_every_series_is_the_same(both, server):
    server.pages["/metrics"] = page(PAGE)
    server.pages["/open"] = page(OPEN, OPENMETRICS)
    scraper, store, agent = both(jobs_for(server))

    def ready(prometheus):
        ups = prometheus.samples("up", "5m")
        return len(ups) == 6 and all(len(samples) >= 3 for samples in ups.values())
    wait_until(lambda: ready(scraper) and ready(store), lambda: agent.log_tail(), 60)
    wait_until(lambda: same(last_values(scraper), last_values(store))[0],
               lambda: same(last_values(scraper), last_values(store))[1], 20)
    assert len(last_values(scraper)) > 3000
    # What is gone from the page is gone from both; so is everything of a target that fails.
    server.pages["/metrics"] = page("\n".join(PAGE.splitlines()[:8]) + "\n")
    server.pages["/open"] = page("", status=500)
    wait_until(lambda: len(current(scraper)) < 80 and same(current(scraper), current(store))[0],
               lambda: same(current(scraper), current(store))[1], 20)
    assert not [labels for labels in current(store) if dict(labels)["__name__"] == "many"]


@pytest.mark.skipif(shutil.which("prometheus-node-exporter") is None, reason="no node exporter")
def test_a_real_node_exporter_has_the_same_series(both, server):
    port = free_port()
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        jobs = [{"job_name": "node", "scrape_interval": "1s",
                 "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]
        scraper, store, agent = both(jobs)

        def names(prometheus):
            return set(last_values(prometheus, '{job="node",__name__!~"node_scrape_.*"}'))
        wait_until(lambda: len(names(scraper)) > 100 and names(scraper) == names(store),
                   lambda: f"{list(names(scraper) ^ names(store))[:10]}\n{agent.log_tail()}", 60)
    finally:
        exporter.kill()
        exporter.wait()
