"""The harness is code too: its fakes must behave before they judge the agent."""
import gzip
import urllib.error
import urllib.request

import pytest

from harness import loki_wire
from harness.faults import Refuse, Status, StoreThen
from harness.kubelet import cri_time
from harness.prometheus_text import Metrics

STREAM = [('{app="x", zone="a\\"b"}', [(5, b"one", ()), (6, b"two", (("user", "u1"),))])]


def push(loki, streams, tenant=None):
    headers = {"Content-Type": "application/x-protobuf"}
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    request = urllib.request.Request(loki.url, loki_wire.encode_protobuf(streams), headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_fake_loki_stores_what_is_pushed_and_shows_repeats_once(loki):
    assert push(loki, STREAM, "t1") == 204
    assert push(loki, STREAM, "t1") == 204
    assert loki.count() == 4
    assert [(e.tenant, e.timestamp, e.line, e.metadata) for e in loki.unique()] == [
        ("t1", 5, b"one", ()), ("t1", 6, b"two", (("user", "u1"),))]
    assert loki.labels() == [{"app": "x", "zone": 'a"b'}]
    loki.assert_repeats_identical()


def test_fake_loki_notices_a_repeat_that_differs(loki):
    push(loki, [('{app="x"}', [(5, b"one", ())])])
    push(loki, [('{app="x"}', [(6, b"one", ())])])
    with pytest.raises(AssertionError, match="a repeat differs"):
        loki.assert_repeats_identical()


@pytest.mark.parametrize("labels", ["{}", '{a="1", a="2"}', '{b="1", a="2"}', '{a=1}', '{a="\\q"}'])
def test_fake_loki_refuses_labels_that_loki_would(loki, labels):
    assert push(loki, [(labels, [(5, b"one", ())])]) == 400
    assert loki.complaints


def test_fake_loki_stores_the_valid_entries_of_a_request(loki):
    assert push(loki, [('{a="1"}', [(5, b"x" * 300_000, ()), (6, b"fine", ())])]) == 400
    assert loki.lines() == ["fine"]
    loki.behave(Refuse(lambda entry: entry.line == b"two"))
    assert push(loki, STREAM) == 400
    assert loki.lines() == ["fine", "one"]


def test_fake_loki_misbehaves_on_demand_and_heals(loki):
    loki.behave(Status(429, retry_after=3), times=1, tenant="t1")
    loki.behave(StoreThen(Status(503)), times=1)
    assert push(loki, STREAM, "t2") == 503
    assert loki.count() == 2
    assert push(loki, STREAM, "t1") == 429
    assert push(loki, STREAM, "t1") == 204


def test_fake_loki_goes_down_and_comes_up_on_the_same_port(loki):
    port = loki.port
    loki.down()
    with pytest.raises(OSError):
        push(loki, STREAM)
    loki.up()
    assert loki.port == port
    assert push(loki, STREAM) == 204


def test_json_and_protobuf_say_the_same():
    streams = [('{app="x"}', [(5, b"one", ()), (6, "zw\u00f6lf".encode(), (("user", "u1"),))])]
    assert loki_wire.decode_json(loki_wire.encode_json(streams)) == streams
    assert loki_wire.decode_protobuf(loki_wire.encode_protobuf(streams)) == streams


def test_kubelet_files_rotate_as_the_kubelet_rotates_them(node):
    log = node.container()
    for generation in range(7):
        log.write(f"generation {generation}")
        log.rotate()
    names = sorted(path.name for path in log.folder.iterdir())
    assert names[0] == "0.log"
    rotated = names[1:]
    assert len(rotated) == 4, "MaxFiles - 1 rotated ones"
    assert [name.endswith(".gz") for name in rotated] == [True, True, True, False]
    assert b"generation 5" in gzip.open(log.folder / rotated[2]).read()
    assert log.link.resolve() == log.path.resolve()


def test_a_long_line_is_cut_into_partials(node):
    log = node.container()
    log.write("x" * 40_000, when=1_700_000_000_000_000_000)
    tags = [line.split(b" ", 3)[2] for line in log.path.read_bytes().splitlines()]
    assert tags == [b"P", b"P", b"F"]


def test_cri_times_are_trimmed_as_go_trims_them():
    assert cri_time(1_767_322_445_120_000_000) == "2026-01-02T02:54:05.12Z"
    assert cri_time(1_767_322_445_000_000_000) == "2026-01-02T02:54:05Z"


def test_metrics_text_is_checked():
    metrics = Metrics('# TYPE a counter\na{x="1"} 2\na{x="2"} 3\n')
    assert metrics.total("a") == 5 and metrics.total("a", x="2") == 3
    with pytest.raises(AssertionError):
        Metrics('a{x="1"} 2\na{x="1"} 3\n')
