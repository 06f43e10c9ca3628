"""The same pages scraped by the real Prometheus and by tailrace: the same series.

Debian's Prometheus is 2.42, our norm is 3.x; what differs on purpose is listed in DIFFERENCES.
"""
import json
import math
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from harness.page_server import OPENMETRICS, TEXT, page
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


# The counts of a page that fails say how much of it was read: see the input's README.
KEPT = '{job!="",__name__!~"scrape_.*"}'


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


def as_in_3(labels):
    """Prometheus 3 writes bounds and quantiles in one way, whatever the page says: 1 is 1.0."""
    return tuple((name, repr(float(value)) if name in ("le", "quantile") and value != "+Inf"
                  else value) for name, value in labels)


def comparable(value):
    number = float(value)
    return "NaN" if math.isnan(number) else (number, math.copysign(1, number))


def last_values(prometheus, selector='{job!=""}'):
    """{labels: the last value within the stale window}"""
    result = {}
    for labels, samples in prometheus.samples(selector, "5m").items():
        if dict(labels)["__name__"] not in DIFFERENCES:
            result[as_in_3(labels)] = comparable(samples[-1][1])
    return result


def current(prometheus, query='{job!=""}'):
    """{labels: value} of what is not stale now."""
    url = f"http://127.0.0.1:{prometheus.port}/api/v1/query?" + urllib.parse.urlencode(
        {"query": query})
    with urllib.request.urlopen(url, timeout=30) as answer:
        rows = json.loads(answer.read())["data"]["result"]
    return {as_in_3(sorted(row["metric"].items())): comparable(row["value"][1]) for row in rows
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


# Nothing is older than a Prometheus takes by remote write.
NOW = int(time.time())
# Each is a page, and what Prometheus says of it is what tailrace says.
ODD_TEXT = {
    "no line break at the end": "a 1",
    "empty": "",
    "blank lines": "\n\n  \n\t\na 1\n\n",
    "CRLF": "a 1\r\n",
    "NUL in the middle": "a 1\n\0b 2\n",
    "odd blanks": f"a \t 1  \t {NOW}000 \nb{{x = \"1\" ,y=\"2\" , }}\t2\n",
    "escapes": r'a{b="\\ \" \n \x é"} 1' + "\n",
    "line break in quotes": 'a{b="x\ny"} 1\n',
    "quotes that do not end": 'a{b="x} 1\n',
    "empty braces": "a{} 1\n",
    "comma at the end": 'a{b="1",} 1\n',
    "two commas": 'a{b="1",,} 1\n',
    "comma first": 'a{,b="1"} 1\n',
    "no name": '{b="1"} 1\n',
    "bad name": "1a 1\n",
    "colons": "a:b:c 1\n",
    "name of a label with a colon": 'a{b:c="1"} 1\n',
    "label twice": 'a{b="1",b="2"} 1\n',
    "unquoted": "a{b=1} 1\n",
    "no value": "a\n",
    "text for a value": "a x\n",
    "NaN and Inf": "a nan\nb NaN\nc +inf\nd -Infinity\ne Inf\n",
    "hexadecimal": "a 0x1p-2\n",
    "underscores": "a 1_000\n",
    "exponents": "a 1e5\nb 1E+05\nc .5\nd 5.\n",
    "too large": "a 1e400\n",
    "bare exponent": "a 1e\n",
    "timestamp with a fraction": "a 1 1.5\n",
    "more behind": "a 1 2 3\n",
    "invalid UTF-8": b'a{b="\xff"} 1\n',
    "comments": "#\n# \n#x\n# HELP\n# a b c\na 1\n",
    "HELP without a text": "# HELP a\n# HELP b \na 1\n",
    "HELP with escapes": "# HELP a x\\\\y\\nz \\q\na 1\n",
    "unknown type": "# TYPE a nonsense\na 1\n",
    "TYPE twice": "# TYPE a gauge\n# TYPE a counter\na 1\n",
    "a megabyte of label": f'a{{b="{"x" * 1_000_000}"}} 1\n',
    "exemplar in the text format": 'a 1 # {t="x"} 1\n',
    "the same series twice": "a 1\nb 2\na 3\n",
}
ODD_OPEN = {
    "no EOF": "a 1\n",
    "EOF without a line break": "a 1\n# EOF",
    "only EOF": "# EOF\n",
    "behind EOF": "a 1\n# EOF\nb 1\n",
    "blank line": "a 1\n\n# EOF\n",
    "two blanks": "a  1\n# EOF\n",
    "blank first": " a 1\n# EOF\n",
    "comment": "# hello\na 1\n# EOF\n",
    "timestamps": f"a 1 {NOW}.5\nb 1 {NOW / 1e9!r}e9\n# EOF\n",
    "NaN timestamp": "a 1 NaN\n# EOF\n",
    "exemplar": '# TYPE a counter\na_total 1 # {t="x"} 0.5 1.5\n# EOF\n',
    "exemplar without a value": '# TYPE a counter\na_total 1 # {t="x"}\n# EOF\n',
    "exemplar without braces": "# TYPE a counter\na_total 1 # t 1\n# EOF\n",
    "exemplar with long labels": '# TYPE a counter\na_total 1 # {t="%s"} 1\n# EOF\n' % ("x" * 200),
    "exemplar of infinite time": '# TYPE a counter\na_total 1 # {t="x"} 1 +Inf\n# EOF\n',
    "unit": "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# EOF\n",
    "unit that is no suffix": "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
    "escape that is none": r'a{b="\x"} 1' + "\n# EOF\n",
    "line break in quotes": 'a{b="x\ny"} 1\n# EOF\n',
    "stateset": '# TYPE a stateset\na{a="on"} 1\n# EOF\n',
    "gaugehistogram": '# TYPE a gaugehistogram\na_bucket{le="1"} 1\na_gsum 1\n# EOF\n',
    "untyped": "# TYPE a untyped\na 1\n# EOF\n",
}
# What Prometheus 3 takes and Debian's 2.42 does not (blanks before a name, names in quotes) is in the
# unit tests of the parsers.


def test_odd_pages_get_the_same_verdict(both, server):
    jobs = []
    for kind, pages in ((TEXT, ODD_TEXT), (OPENMETRICS, ODD_OPEN)):
        for name, text in pages.items():
            path = f"/{len(jobs)}"
            server.pages[path] = page(text, kind)
            jobs.append({"job_name": f"{kind[:4]}: {name}", "scrape_interval": "1s",
                         "metrics_path": path, "static_configs": [{"targets": [server.address]}]})
    scraper, store, agent = both(jobs)

    def scraped_twice(prometheus):
        ups = prometheus.samples("up", "5m")
        return len(ups) == len(jobs) and all(len(samples) >= 2 for samples in ups.values())
    wait_until(lambda: scraped_twice(scraper) and scraped_twice(store), agent.log_tail, 90)
    # Markers of the last scrape may be under way on one of the two.
    wait_until(lambda: same(current(scraper, KEPT), current(store, KEPT))[0],
               lambda: same(current(scraper, KEPT), current(store, KEPT))[1], 30)
    verdicts = {value for labels, value in current(scraper, KEPT).items()
                if dict(labels)["__name__"] == "up"}
    assert verdicts == {(0.0, 1.0), (1.0, 1.0)}


def test_a_sample_that_is_too_old_takes_no_other_one_with_it(both, server):
    """Prometheus stores nothing of a request of 1.0 with such a sample; its own scrapes only lose
    the sample."""
    yesterday = int(time.time() - 24 * 3600) * 1000
    server.pages["/old"] = page(f"before 1\nold 2 {yesterday}\nbehind 3\n")
    server.pages["/good"] = page("other 4\n")
    jobs = [{"job_name": path, "scrape_interval": "1s", "metrics_path": path,
             "static_configs": [{"targets": [server.address]}]} for path in ("/old", "/good")]
    scraper, store, agent = both(jobs)

    def enough(prometheus):
        return all(len(samples) >= 5 for samples in [
            next(iter(prometheus.samples(name, "5m").values()), [])
            for name in ("before", "behind", "other", 'up{job="/old"}')])
    wait_until(lambda: enough(scraper) and enough(store), agent.log_tail, 60)
    assert same(current(scraper, KEPT), current(store, KEPT))[0]
    for name in ("before", "behind", "other"):
        times = [float(time) for time, _ in next(iter(store.samples(name, "5m").values()))]
        assert all(0.9 < b - a < 1.1 for a, b in zip(times, times[1:])), times
    assert agent.metrics().total("tailrace_output_refused_records_total", reason="http_400") >= 5


def pages_of_node_exporter():
    """[(content type, text)] of the real one: as text, and as OpenMetrics where it knows that."""
    port = free_port()
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(accept):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics",
                                         headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.headers["Content-Type"], answer.read().decode()
        except OSError:
            return None
    try:
        wait_until(lambda: ask(TEXT), "the exporter answers")
        return list(dict([ask(TEXT), ask(OPENMETRICS)]).items())
    finally:
        exporter.kill()
        exporter.wait()


@pytest.mark.skipif(shutil.which("prometheus-node-exporter") is None, reason="no node exporter")
def test_a_page_of_the_real_node_exporter_has_the_same_values(both, server):
    jobs = []
    for kind, text in pages_of_node_exporter():
        path = f"/{len(jobs)}"
        server.pages[path] = page(text, kind)
        jobs.append({"job_name": f"node{path}", "scrape_interval": "1s", "metrics_path": path,
                     "static_configs": [{"targets": [server.address]}]})
    scraper, store, agent = both(jobs)
    # The first scrape adds all series, the later ones none.
    query = '{job!="",__name__!="scrape_series_added"}'
    wait_until(lambda: len(current(scraper, query)) > 300 and
               same(current(scraper, query), current(store, query))[0],
               lambda: f"{same(current(scraper, query), current(store, query))[1]}\n"
                       f"{agent.log_tail()}", 60)
