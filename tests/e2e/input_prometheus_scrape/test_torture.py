"""Targets that misbehave: limits hold, `up` tells, memory is bounded, and neighbours notice nothing."""
import gzip

import pytest

from harness.agent import SANITIZED
from harness.page_server import changing, cut_off, drip, endless, hang, page, redirect
from harness.scraping import ends_stale, job, last, scrape_to, series
from harness.waiting import wait_until

BOMB = gzip.compress(b"# \n" * 30_000_000, 9)
GZIP = {"Content-Encoding": "gzip"}

CASES = {
    "endless body": (endless(), {"body_size_limit": "100KB"}, "body_size"),
    "endless body without a limit": (endless(), {}, "timeout"),
    # Prometheus reads on to count them all; so do we.
    "endless series": (endless('endless{n="#N"} 1\n'), {"sample_limit": 10_000}, "timeout"),
    "many series": (page("".join(f'endless{{n="{n}"}} 1\n' for n in range(1000))),
                    {"sample_limit": 900}, "sample_limit"),
    "endless line": (endless("x" * 100), {"body_size_limit": "100KB"}, "body_size"),
    "slow drip": (drip("drip 1\n" * 20), {}, "timeout"),
    "hang": (hang, {}, "timeout"),
    "no content type": (page("a 1\n", None), {}, "content_type"),
    "HTML": (page("<html></html>", "text/html"), {}, "content_type"),
    "HTML that says it is text": (page("<html></html>"), {}, "page"),
    "gzip bomb": (page(BOMB, headers=GZIP), {}, "encoding"),
    "gzip bomb over the limit": (page(BOMB, headers=GZIP), {"body_size_limit": "1MB"}, "body_size"),
    "no gzip": (page("a 1\n", headers=GZIP), {}, "encoding"),
    "cut gzip": (page(gzip.compress(b"a 1\n" * 1000)[:-20], headers=GZIP), {}, "encoding"),
    "circle": (redirect("/bad"), {}, "network"),
    "redirect not followed": (redirect("/good"), {"follow_redirects": False}, "status"),
    "cut off": (cut_off("a 1\n"), {}, "network"),
    "not found": (page("a 1\n", status=404), {}, "status"),
    "no content": (page("", status=204), {}, "status"),
    "invalid UTF-8": (page(b'a{b="\xff\xfe"} 1\n'), {}, "page"),
    "broken second line": (page("a 1\nb\n"), {}, "page"),
    "huge label": (page(f'a{{b="{"x" * 1_000_000}"}} 1\n'),
                   {"label_value_length_limit": 1000}, "label_limit"),
}


@pytest.mark.parametrize("case", CASES)
def test_fails_alone_and_says_why(case, agents, server, receiver):
    behaviour, options, reason = CASES[case]
    server.pages["/good"] = page("good 1\n")
    server.pages["/bad"] = behaviour
    jobs = [job(server.address, "/good", "good"), job(server.address, "/bad", "bad", **options)]
    agent = agents(scrape_to(receiver, jobs)).start()
    wait_until(lambda: agent.metrics().total("tailrace_scrapes_failed_total", reason=reason) >= 3,
               lambda: f"three scrapes failed by {reason}:\n{agent.log_tail()}")
    wait_until(lambda: len(series(receiver, "up", job="bad")) >= 3, "they are told")
    assert last(receiver, "up", job="bad") == 0
    # Unpacking a bomb keeps the agent's one thread busy: of a slow build's, or on a busy machine, a
    # scrape of either target may be too late now and then.
    metrics = agent.metrics()
    assert metrics.total("tailrace_scrapes_failed_total") == sum(
        metrics.total("tailrace_scrapes_failed_total", reason=why) for why in {reason, "timeout"})
    wait_until(lambda: len(series(receiver, "good")) >= 3, "the other one is scraped")
    wait_until(lambda: last(receiver, "up", job="good") == 1 and not ends_stale(receiver, "good"),
               lambda: f"the other one is up:\n{agent.log_tail()}")
    names = {dict(labels)["__name__"] for labels in receiver.samples}
    assert not names & {"a", "b", "endless", "endless_metric", "drip"}, names
    assert SANITIZED or agent.memory()["peak"] < 100 * 1024
    assert "http://127.0.0.1" in agent.log() and "scraping" in agent.log()


def test_a_page_that_is_new_each_time_is_taken_and_forgotten(agents, server, receiver):
    server.pages["/metrics"] = changing(
        lambda n: "".join(f'shape{{scrape="{n}",i="{i}"}} {i}\n' for i in range(n % 7 * 500)))
    agent = agents(scrape_to(receiver, [job(server.address, scrape_interval="250ms",
                                            scrape_timeout="250ms")])).start()
    wait_until(lambda: agent.metrics().total("tailrace_scrapes_total") >= 60, "60 scrapes", 60)
    assert agent.metrics().total("tailrace_scrapes_failed_total", reason="page") == 0
    assert agent.metrics().total("tailrace_scrape_series") <= 3000
    assert SANITIZED or agent.memory()["peak"] < 100 * 1024
    agent.wait_settled()
    for labels, samples in receiver.of("shape").items():
        values = [bits for bits, _ in samples]
        assert len(values) <= 2, labels


def test_a_million_bytes_of_label_are_taken(agents, server, receiver):
    server.pages["/metrics"] = page(f'a{{b="{"x" * 1_000_000}"}} 1\n')
    agent = agents(scrape_to(receiver, [job(server.address)])).start()
    wait_until(lambda: last(receiver, "up") == 1, "it is up")
    wait_until(lambda: len(series(receiver, "a")) >= 2, agent.log_tail)
    assert last(receiver, "scrape_samples_scraped") == 1
