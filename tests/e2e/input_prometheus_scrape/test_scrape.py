"""Targets are scraped, and what they say arrives."""
import json
from statistics import median

import pytest

from harness.page_server import OPENMETRICS, hang, page, redirect
from harness.scraping import ends_stale, job, last, number, scrape_to, series
from harness.waiting import holds_for, wait_until

PAGE = """# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 1027
requests_total{code="500"} 3
temperature -12.5
nothing NaN
"""


def test_samples_and_reports_arrive(agents, server, receiver):
    server.pages["/metrics"] = page(PAGE)
    agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: len(series(receiver, "up")) >= 4, "four scrapes arrived")
    where = {"job": "app", "instance": server.address}
    assert last(receiver, "requests_total", code="200", **where) == 1027
    assert last(receiver, "temperature", **where) == -12.5
    assert series(receiver, "nothing")[0][0] == 0x7FF8000000000001
    assert last(receiver, "up", **where) == 1
    assert last(receiver, "scrape_samples_scraped", **where) == 4
    assert last(receiver, "scrape_samples_post_metric_relabeling", **where) == 4
    assert number(series(receiver, "scrape_series_added")[0][0]) == 4
    assert last(receiver, "scrape_series_added") == 0
    assert 0 < last(receiver, "scrape_duration_seconds") < 0.4
    times = [timestamp for _, timestamp in series(receiver, "up")]
    # On a busy machine a scrape begins late, and says so; unit tests have the exact times.
    assert 300 < median(b - a for a, b in zip(times, times[1:])) < 700, times
    assert server.connections == 1, "the connection is kept"


def test_asks_as_prometheus_does(agents, server, receiver):
    server.pages["/probe?module=http_2xx"] = page(PAGE)
    agents(scrape_to(receiver, [job(server.address, "/probe",
                                    params={"module": ["http_2xx"]},
                                    basic_auth={"username": "u", "password": "p"})])).start()
    wait_until(lambda: last(receiver, "up") == 1, "it is up")
    headers = server.seen[0].headers
    assert headers["accept"].startswith(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,")
    assert headers["accept-encoding"] == "gzip"
    assert headers["x-prometheus-scrape-timeout-seconds"] == "0.4"
    assert headers["user-agent"].startswith("tailrace/")
    assert headers["authorization"] == "basic dtpw"


def test_openmetrics_and_a_redirect(agents, server, receiver):
    server.pages["/old"] = redirect("/new")
    server.pages["/new"] = page("# TYPE a counter\na_total 17\n# EOF\n", OPENMETRICS)
    agents(scrape_to(receiver, [job(server.address, "/old")])).start()
    wait_until(lambda: last(receiver, "a_total") == 17, "the page behind the redirect arrived")


def test_a_series_that_vanishes_ends(agents, server, receiver):
    server.pages["/metrics"] = page(PAGE)
    agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: series(receiver, "temperature"), "it is there")
    server.pages["/metrics"] = page("other 1\n")
    wait_until(lambda: ends_stale(receiver, "temperature"), "it ended")
    server.pages["/metrics"] = page("other 1\n", status=500)
    wait_until(lambda: ends_stale(receiver, "other"), "a failed scrape ends all")
    wait_until(lambda: last(receiver, "up") == 0, "up is 0")


def test_no_series_ends_at_shutdown(agents, server, receiver):
    server.pages["/metrics"] = page(PAGE)
    agent = agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: series(receiver, "temperature"), "it is there")
    agent.stop()
    assert not ends_stale(receiver, "temperature")
    assert not ends_stale(receiver, "up")


def test_a_target_that_is_removed_ends(agents, server, receiver, tmp_path):
    server.pages["/metrics"] = page(PAGE)
    targets = tmp_path / "targets.json"

    def write(groups):
        new = tmp_path / "targets.json.new"
        new.write_text(json.dumps(groups))
        new.rename(targets)

    write([{"targets": [server.address], "labels": {"zone": "a"}},
           {"targets": [server.address], "labels": {"zone": "b"}}])
    config = job(server.address, file_sd_configs=[{"files": [str(targets)],
                                                   "refresh_interval": "1s"}])
    del config["static_configs"]
    agent = agents(scrape_to(receiver, [config])).start()
    wait_until(lambda: last(receiver, "up", zone="a") == 1 and last(receiver, "up", zone="b") == 1,
               "both are up")
    write([{"targets": [server.address], "labels": {"zone": "b"}}])
    wait_until(lambda: ends_stale(receiver, "up", zone="a"), "the one ended", timeout=30)
    assert ends_stale(receiver, "temperature", zone="a")
    assert not ends_stale(receiver, "temperature", zone="b")
    wait_until(lambda: agent.metrics().total("tailrace_scrape_targets", state="leaving") == 0,
               "it is forgotten")


def test_once_scrapes_each_target_once(agents, server, receiver):
    server.pages["/metrics"] = page(PAGE)
    jobs = [job(server.address), job("127.0.0.1:1", name="dead")]
    assert agents(scrape_to(receiver, jobs)).run_once() == 0
    assert server.count("/metrics") == 1
    assert last(receiver, "up", job="app") == 1
    assert last(receiver, "up", job="dead") == 0
    assert last(receiver, "temperature") == -12.5


def test_after_a_kill_the_gap_is_told(agents, server, receiver):
    server.pages["/metrics"] = page(PAGE)
    agent = agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: len(series(receiver, "up")) >= 14, "the times were written", timeout=30)
    agent.kill()
    before = len(series(receiver, "up"))
    agent.start()
    wait_until(lambda: len(series(receiver, "up")) >= before + 2, "it goes on")
    metrics = agent.metrics()
    assert metrics.total("tailrace_scrape_gap_seconds_count") == 1
    assert 0 < metrics.total("tailrace_scrape_gap_max_seconds") < 30
    assert not ends_stale(receiver, "temperature")


def test_custom_buckets_are_given_up_aloud_where_2_0_is_not_known(agents, server, receiver):
    receiver.knows_v2 = False
    server.pages["/metrics"] = page('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\n'
                                    'h_sum 3\nh_count 2\nplain 1\n')
    agent = agents(scrape_to(
        receiver, [job(server.address, convert_classic_histograms_to_nhcb=True)],
        output={"protobuf_message": "io.prometheus.write.v2.Request",
                "send_native_histograms": True})).start()
    wait_until(lambda: len(series(receiver, "plain")) >= 4, agent.log_tail)
    refused = agent.metrics().total("tailrace_output_refused_records_total",
                                    reason="custom_buckets")
    assert refused >= 1  # of what was sealed as 2.0; later ones are left out before
    log = agent.log_path.read_text()
    assert "records cannot be sent (custom_buckets after http_415)" in log
    assert "remote write 1.0 cannot carry histograms with custom buckets" in log
    agent.assert_ledger_closed()


def test_a_dead_receiver_stops_scrapes_when_its_buffer_is_full(agents, server, receiver):
    lines = "".join(f'many{{i="{i}"}} {i}\n' for i in range(5000))
    server.pages["/metrics"] = page(lines)
    receiver.behave(lambda *_: (503, {}))
    agent = agents(scrape_to(receiver, [job(server.address)],
                             output={"buffer": {"memory": "1MiB", "disk": "2MiB"}})).start()
    wait_until(lambda: agent.metrics().total("tailrace_scrapes_skipped_total",
                                             reason="no_credit") >= 3, "scrapes are skipped", 60)
    asked = server.count("/metrics")
    holds_for(lambda: server.count("/metrics") <= asked + 1, "nothing is fetched in vain", 1.5)
    receiver.heal()
    wait_until(lambda: server.count("/metrics") > asked + 3, "it goes on", 60)
    times = [timestamp for _, timestamp in series(receiver, "many", i="7")]
    assert times == sorted(times)


@pytest.mark.alone
def test_a_third_of_two_thousand_targets_hang_and_the_others_are_on_time(agents, server, receiver):
    good = [f"/good/{i}" for i in range(1334)]
    bad = [f"/bad/{i}" for i in range(666)]
    server.pages.update({path: page(f'm{{p="{path}"}} 1\n') for path in good})
    server.pages.update({path: hang for path in bad})
    config = {
        "job_name": "crowd", "scrape_interval": "10s", "scrape_timeout": "9s",
        "static_configs": [{"targets": good + bad}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__metrics_path__"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": server.address}]}
    agent = agents(scrape_to(receiver, [config])).start()
    wait_until(lambda: agent.metrics().total("tailrace_scrapes_failed_total",
                                             reason="timeout") >= 666, "all have hung once", 60)
    delays = "tailrace_scrape_start_delay_seconds"
    for _ in range(4):
        before = agent.metrics()
        wait_until(lambda: agent.metrics().total(f"{delays}_count")
                   >= before.total(f"{delays}_count") + 2000, "all were scraped again", 60)
        after = agent.metrics()
        count = after.total(f"{delays}_count") - before.total(f"{delays}_count")
        in_time = (after.total(f"{delays}_bucket", le="0.1")
                   - before.total(f"{delays}_bucket", le="0.1"))
        if in_time >= 0.99 * count:  # else a neighbour of this test may have had the processor
            break
    assert in_time >= 0.99 * count, f"{in_time} of {count} within 100 ms"
    assert after.total("tailrace_scrape_targets", state="up") == 1334
    assert after.total("tailrace_scrapes_skipped_total") == 0
