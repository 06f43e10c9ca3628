"""The receiver is away, or the agent is killed: what is caught up, and what is missing."""
import json
import os
import time

import pytest

from harness.agent import SANITIZED
from harness.page_server import changing, page
from harness.scraping import STALE, job, number, scrape_to, series
from harness.waiting import holds_for, wait_until

EVERY_MS = 1000
# How long the receiver is down. TAILRACE_OUTAGE_SECONDS=600 for what the README promises.
OUTAGE = int(os.environ.get("TAILRACE_OUTAGE_SECONDS", "20"))


def numbered(extra=""):
    """A page that says which scrape it was made for, as `n`."""
    return changing(lambda n: f"n {n}\n{extra}")


def values(receiver, path):
    """What arrived, without markers of scrapes that failed."""
    return [number(bits) for bits, _ in series(receiver, "n", path=path) if bits != STALE]


def crowd(server, count, extra=""):
    """One job with a target for each of `count` numbered pages."""
    paths = [f"/{i}" for i in range(count)]
    for path in paths:
        server.pages[path] = numbered(extra)
    config = job(server.address, scrape_interval="1s", scrape_timeout="1s", static_configs=[
        {"targets": [server.address], "labels": {"__metrics_path__": path, "path": path}}
        for path in paths])
    del config["metrics_path"]
    return paths, config


def test_a_receiver_that_was_down_gets_all_of_it_in_order(agents, server, receiver):
    paths, config = crowd(server, 20, "".join(f'many{{i="{i}"}} {i}.5\n' for i in range(60)))
    agent = agents(scrape_to(receiver, [config],
                             output={"buffer": {"memory": "1MiB", "disk": "256MiB"}})).start()
    wait_until(lambda: all(len(values(receiver, path)) >= 2 for path in paths), "all are scraped")
    receiver.behave(lambda *_: (503, {}))
    before = server.count("/0")
    wait_until(lambda: server.count("/0") >= before + 8, "eight seconds are waiting", 60)
    early = agent.memory()["rss"]
    wait_until(lambda: server.count("/0") >= before + OUTAGE, f"{OUTAGE} seconds are waiting",
               OUTAGE + 40)
    late = agent.memory()["rss"]
    assert SANITIZED or late < early + 3 * 1024, "what waits is on disk, not in memory"
    assert agent.metrics().total("tailrace_scrapes_skipped_total") == 0
    waiting = agent.ledger_total("waiting")
    assert waiting > (OUTAGE - 1) * 20 * 60
    receiver.heal()
    healed = time.monotonic()
    wait_until(lambda: agent.ledger_total("waiting") < 5000, "it has caught up", 120)
    print(f"{OUTAGE} s: {waiting} samples waited, caught up in {time.monotonic() - healed:.1f} s; "
          f"RSS {early} KiB after 8 s, {late} at the end, {agent.memory()['rss']} afterwards")
    wait_until(lambda: all(values(receiver, path)[-1] >= server.count(path) - 2
                           for path in paths), "the last ones have arrived", 60)
    failed = agent.metrics().total("tailrace_scrapes_failed_total")
    missing = 0
    for path in paths:
        arrived = values(receiver, path)
        assert arrived == sorted(set(arrived)), path
        missing += arrived[-1] + 1 - len(arrived)
        times = [time for _, time in series(receiver, "many", path=path, i="7")]
        assert times == sorted(set(times)), path
    assert missing <= failed
    agent.assert_ledger_closed()


@pytest.mark.parametrize("is_up", [True, False], ids=["receiver up", "receiver down"])
def test_a_kill_costs_what_was_not_spooled_and_each_gap_is_told(agents, server, receiver, is_up):
    paths, config = crowd(server, 5)
    agent = agents(scrape_to(receiver, [config])).start()
    wait_until(lambda: all(len(values(receiver, path)) >= 2 for path in paths), "all are scraped")
    if not is_up:
        receiver.behave(lambda *_: (503, {}))
    asked = server.count("/0")
    wait_until(lambda: server.count("/0") >= asked + 7, "the times of the scrapes are written", 60)
    agent.kill()
    served = {path: server.count(path) for path in paths}
    holds_for(lambda: all(server.count(path) == served[path] for path in paths), "it is dead", 1)
    receiver.heal()
    agent.start()
    wait_until(lambda: all(values(receiver, path)[-1] >= served[path] + 2 for path in paths),
               "it goes on", 60)
    # The linger of a request (100 ms), spool_after (1 s), the group commit, the scrape under way.
    allowed = 1_200 // EVERY_MS + 2
    for path in paths:
        arrived = values(receiver, path)
        assert arrived == sorted(set(arrived)), f"{path}: in order, nothing twice: {arrived}"
        missing = set(range(int(arrived[-1]))) - set(arrived)
        assert missing <= set(range(served[path] - allowed, served[path])), f"{path}: {missing}"
    metrics = agent.metrics()
    assert metrics.total("tailrace_scrape_gap_seconds_count") == len(paths)
    # The times are written every five seconds.
    assert 1 <= metrics.total("tailrace_scrape_gap_max_seconds") < 15
    targets = json.loads(agent.get("/api/v1/targets")[1])["data"]["activeTargets"]
    assert {target["labels"]["path"] for target in targets} == set(paths)
    assert all(1 <= target["restartGap"] < 15 for target in targets)


def test_a_receiver_that_is_slow_does_not_delay_scrapes(agents, server, receiver):
    server.pages["/metrics"] = page("".join(f'many{{i="{i}"}} {i}\n' for i in range(2000)))
    receiver.delay = 1.0
    agent = agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: agent.metrics().total("tailrace_scrapes_total") >= 12, "12 scrapes")
    metrics = agent.metrics()
    count = metrics.total("tailrace_scrape_start_delay_seconds_count")
    in_time = metrics.total("tailrace_scrape_start_delay_seconds_bucket", le="0.1")
    assert in_time >= 0.7 * count, "all but what a busy machine delays"
    assert metrics.total("tailrace_scrapes_skipped_total") == 0
