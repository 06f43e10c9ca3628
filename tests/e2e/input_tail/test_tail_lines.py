"""Lines of every shape arrive as they should."""
import json

import pytest

from harness.configs import tail_to_loki
from harness.kubelet import cri_line
from harness.lines import java_trace
from harness.waiting import wait_until

T0 = 1_767_322_445_000_000_000


def arrived(loki, count):
    wait_until(lambda: len(loki.unique()) >= count, lambda: f"{count} lines: {loki.lines()}")
    return loki.unique()


def raw_file(tmp_path, data, name="app.log"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_cri_lines_get_time_and_labels_from_line_and_path(agents, loki, node):
    log = node.container("app", pod="web-0", namespace="shop")
    log.write("to stdout", when=T0)
    log.write("to stderr", stream="stderr", when=T0 + 5)
    agents(tail_to_loki(node.glob, loki)).start()
    entries = arrived(loki, 2)
    assert {(e.line, e.timestamp) for e in entries} == {(b"to stdout", T0), (b"to stderr", T0 + 5)}
    assert sorted(loki.labels(), key=str) == sorted(
        [log.labels("stdout"), log.labels("stderr")], key=str)


def test_cri_times_with_an_offset_and_few_digits(agents, loki, node):
    log = node.container()
    log.raw(b"2026-01-02T05:04:05.5+02:00 stdout F half past\n")
    log.raw(b"2026-01-02T03:04:06Z stdout F whole\n")
    agents(tail_to_loki(node.glob, loki)).start()
    base = 1_767_323_045_000_000_000
    assert {(e.line, e.timestamp) for e in arrived(loki, 2)} == {
        (b"half past", base + 500_000_000), (b"whole", base + 1_000_000_000)}


def test_cri_content_may_be_empty_or_hold_spaces_and_more_tags(agents, loki, node):
    log = node.container()
    log.write("", when=T0)
    log.write("  two  spaces  ", when=T0 + 1)
    log.raw(cri_line(T0 + 2, "stdout", "tagged", "F:future"))
    log.write("end", when=T0 + 3)
    agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: "end" in loki.lines(), "the last line came")
    assert [line for line in loki.lines() if line] == ["  two  spaces  ", "tagged", "end"]


def test_docker_json_lines_are_unwrapped_and_joined(agents, loki, tmp_path):
    rows = [{"log": "one \u00fc \"quoted\"\n", "stream": "stdout",
             "time": "2026-01-02T02:54:05.1Z"},
            {"log": "two begins, ", "stream": "stdout", "time": "2026-01-02T02:54:05.2Z"},
            {"log": "an error\n", "stream": "stderr", "time": "2026-01-02T02:54:05.3Z"},
            {"log": "two ends\n", "stream": "stdout", "time": "2026-01-02T02:54:05.4Z"}]
    path = raw_file(tmp_path, b"".join(json.dumps(row).encode() + b"\n" for row in rows),
                    "abc-json.log")
    agents(tail_to_loki(path, loki, input={"format": "docker"})).start()
    entries = arrived(loki, 3)
    assert {(e.line.decode(), e.timestamp - T0) for e in entries} == {
        ('one \u00fc "quoted"', 100_000_000), ("two begins, two ends", 200_000_000),
        ("an error", 300_000_000)}
    assert {labels["stream"] for labels in loki.labels()} == {"stdout", "stderr"}


@pytest.mark.parametrize("data, line", [
    (cri_line(T0, "stdout", "from cri"), "from cri"),
    (b'{"log":"from docker\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n', "from docker"),
    (b"just text\n", "just text"),
    (b'{"level":30,"msg":"json, but not docker"}\n', '{"level":30,"msg":"json, but not docker"}'),
])
def test_auto_recognises_the_format(agents, loki, tmp_path, data, line):
    path = raw_file(tmp_path, data)
    agents(tail_to_loki(path, loki, input={"format": "auto"})).start()
    assert [e.line.decode() for e in arrived(loki, 1)] == [line]


def test_raw_lines_are_labelled_with_their_file_name(agents, loki, tmp_path):
    path = raw_file(tmp_path, b"first\nsecond\r\nthird\n")
    agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    lines = [e.line.decode().rstrip("\r") for e in arrived(loki, 3)]
    assert lines == ["first", "second", "third"]
    assert loki.labels() == [{"filename": str(path)}]


def test_an_unfinished_last_line_waits_for_its_end(agents, loki, node):
    log = node.container()
    whole = cri_line(T0, "stdout", "written in two goes")
    log.raw(whole[:40])
    agents(tail_to_loki(node.glob, loki)).start()
    other = node.container("other")
    other.write("sign of life")
    wait_until(lambda: "sign of life" in loki.lines(), "the other file came")
    assert len(loki.lines()) == 1
    log.raw(whole[40:])
    assert {e.line for e in arrived(loki, 2)} == {b"sign of life", b"written in two goes"}


def test_partials_are_joined_per_stream_with_the_first_time(agents, loki, node):
    log = node.container()
    log.write_piece("out 1, ", "stdout", when=T0)
    log.write_piece("err 1, ", "stderr", when=T0 + 10)
    log.write_piece("out 2, ", "stdout", when=T0 + 20)
    log.write_piece("err 2", "stderr", tag="F", when=T0 + 30)
    log.write_piece("out 3", "stdout", tag="F", when=T0 + 40)
    agents(tail_to_loki(node.glob, loki)).start()
    assert {(e.line, e.timestamp) for e in arrived(loki, 2)} == {
        (b"out 1, out 2, out 3", T0), (b"err 1, err 2", T0 + 10)}


def test_a_long_line_in_partials_arrives_whole(agents, loki, node):
    log = node.container()
    trace = java_trace(1)
    assert len(trace) > 16384
    log.write("\u00fc" * 9000 + trace)
    agents(tail_to_loki(node.glob, loki)).start()
    assert arrived(loki, 1)[0].line.decode() == "\u00fc" * 9000 + trace


def test_a_partial_without_an_end_comes_after_a_while(agents, loki, node):
    log = node.container()
    log.write_piece("the container died in the middle of", when=T0)
    agents(tail_to_loki(node.glob, loki, input={"partial_timeout": "500ms"})).start()
    assert arrived(loki, 1)[0].line == b"the container died in the middle of"


@pytest.mark.parametrize("format", ["raw", "cri"])
def test_a_line_over_the_limit_is_cut_marked_and_counted(agents, loki, node, tmp_path, format):
    text = b"x" * 5000
    if format == "cri":
        log = node.container()
        log.write(text)
        log.write("after")
        include = node.glob
    else:
        include = raw_file(tmp_path, text + b"\nafter\n")
    agent = agents(tail_to_loki(include, loki,
                                input={"format": format, "max_line_size": "1KiB"})).start()
    wait_until(lambda: "after" in loki.lines(), "the line after the long one came")
    long_ones = [e for e in loki.unique() if e.line != b"after"]
    assert len(long_ones) == 1
    assert len(long_ones[0].line) <= 1024 and text.startswith(long_ones[0].line)
    assert long_ones[0].metadata == (("tailrace_truncated", "5000"),)
    agent.wait_settled()
    assert agent.metrics().total("tailrace_tail_truncated_lines_total") == 1


def test_lines_beyond_lokis_limit_do_not_stop_the_file(agents, loki, tmp_path):
    path = raw_file(tmp_path, b"y" * 3_000_000 + b"\nafter\n")
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    wait_until(lambda: "after" in loki.lines(), "the line after the long one came")
    agent.wait_settled()
    assert not loki.complaints
    assert max(len(e.line) for e in loki.unique()) <= 256 * 1024


def test_nul_bytes_and_invalid_utf8_arrive_in_a_form_that_loki_takes(agents, loki, node):
    log = node.container()
    log.write(b"before \x00 after nul", when=T0)
    log.write(b"bad \xff\xfe bytes \xc3", when=T0 + 1)
    log.write("good \u00fc \U0001f600", when=T0 + 2)
    agents(tail_to_loki(node.glob, loki)).start()
    entries = {e.timestamp: e.line for e in arrived(loki, 3)}
    assert entries[T0].startswith(b"before ") and entries[T0].endswith(b" after nul")
    assert entries[T0 + 1].startswith(b"bad ") and b" bytes " in entries[T0 + 1]
    assert entries[T0 + 2].decode() == "good \u00fc \U0001f600"
    assert not loki.complaints


def test_a_hole_of_nuls_at_the_start_is_skipped(agents, loki, tmp_path):
    path = raw_file(tmp_path, b"\0" * 5000 + b"after the hole\n")
    agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    arrived(loki, 1)
    assert loki.lines()[-1].lstrip("\0") == "after the hole"


def test_garbage_in_a_cri_file_is_passed_or_counted_and_stops_nothing(agents, loki, node):
    log = node.container()
    garbage = bytes(range(256)) * 64 + b"\n" + b"\n\n" + b"2026-13-45T99:99:99Z stdout F bad time\n"
    log.raw(garbage)
    log.raw(b"2026-01-02T03:04:05Z stdin F unknown stream\n")
    log.raw(b"2026-01-02T03:04:05Z stdout X unknown tag\n")
    log.write("a good line")
    agent = agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: "a good line" in loki.lines(), "the good line came")
    agent.wait_settled()
    assert not loki.complaints
    assert agent.metrics().total("tailrace_tail_malformed_lines_total") >= 3


def test_a_thousand_equal_lines_of_one_time_arrive_as_a_thousand(agents, loki, node):
    log = node.container()
    for _ in range(1000):
        log.write("the same", when=T0)
    log.write("another", when=T0 + 1_000_000)
    agents(tail_to_loki(node.glob, loki)).start()
    entries = arrived(loki, 1001)
    assert [e.timestamp for e in entries if e.line == b"the same"] == [T0 + i for i in range(1000)]


def test_equal_times_keep_the_order_of_the_lines(agents, loki, node):
    log = node.container()
    for i in range(50):
        log.write(f"line {i:02d}", when=T0 + 7 * (i // 10))
    agents(tail_to_loki(node.glob, loki)).start()
    entries = sorted(arrived(loki, 50), key=lambda e: e.timestamp)
    assert [e.line.decode() for e in entries] == [f"line {i:02d}" for i in range(50)]
