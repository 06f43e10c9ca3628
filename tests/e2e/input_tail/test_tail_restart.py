"""What was missed while the agent was down is read first, and nothing changes on the way."""
import gzip
import os

import pytest

from harness.configs import tail_to_loki
from harness.faults import Status, StoreThen
from harness.waiting import settle, wait_until

T0 = 1_767_322_445_000_000_000

STOPS = pytest.mark.parametrize("stop", ["stop", "kill"])


def wait_checkpoint(agent):
    """Until nothing waits and the position is on disk (it is written within a second)."""
    agent.wait_settled()
    settle(lambda: max(each.st_mtime_ns for each in agent.state_stats()), quiet=1.5)


def finish(loki, agent, lines):
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


@STOPS
def test_reading_goes_on_where_it_ended(agents, loki, node, stop):
    log = node.container()
    lines = log.write_many(500)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    wait_checkpoint(agent)
    came = loki.count()
    getattr(agent, stop)()
    more = log.write_many(500)
    agent.start()
    finish(loki, agent, lines + more)
    assert loki.count() == came + 500, "a settled line is not sent again"


def test_a_clean_stop_repeats_nothing(agents, loki, node):
    log = node.container()
    lines = log.write_many(500)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    agent.stop()
    agent.start()
    lines += log.write_many(10)
    finish(loki, agent, lines)
    assert loki.count() == 510


@STOPS
@pytest.mark.parametrize("rotations", [1, 2, 4])
def test_rotated_predecessors_are_finished_first(agents, loki, node, stop, rotations):
    log = node.container()
    lines = log.write_many(200)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    wait_checkpoint(agent)
    getattr(agent, stop)()
    for _ in range(rotations):  # from the second on the older ones are gzipped
        lines += log.write_many(200)
        log.rotate()
    lines += log.write_many(200)
    agent.start()
    finish(loki, agent, lines)
    loki.assert_ordered()


def test_a_gzipped_predecessor_is_read_on_from_the_middle(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {i}\n" for i in range(1000)))
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    loki.wait_lines([f"line {i}" for i in range(1000)])
    wait_checkpoint(agent)
    agent.kill()
    with open(path, "a") as file:
        file.write("".join(f"line {i}\n" for i in range(1000, 2000)))
    with gzip.open(tmp_path / "app.log.1.gz", "wb") as packed:
        packed.write(path.read_bytes())
    path.unlink()
    path.write_text("line 2000\n")
    came = loki.count()
    agent.start()
    finish(loki, agent, [f"line {i}" for i in range(2001)])
    assert loki.count() == came + 1001


def test_a_predecessor_that_is_gone_is_counted(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {i}\n" for i in range(100)))
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    loki.wait_lines([f"line {i}" for i in range(100)])
    wait_checkpoint(agent)
    agent.kill()
    with open(path, "a") as file:
        file.write("lost for ever\n")
    os.rename(path, tmp_path / "elsewhere")
    path.write_text("a new life\n" * 3)
    agent.start()
    wait_until(lambda: "a new life" in loki.lines(), "the new file came")
    agent.wait_settled()
    assert agent.metrics().total("tailrace_tail_lost_rotations_total") == 1


@STOPS
def test_labels_are_frozen_when_a_file_is_first_read(agents, loki, node, tmp_path, stop):
    """After a rename on disk, the rest of a file still belongs to its stream."""
    path = tmp_path / "first-name.log"
    path.write_text("one\n")
    agent = agents(tail_to_loki(tmp_path / "*.log", loki, input={"format": "raw"})).start()
    loki.wait_lines(["one"])
    wait_checkpoint(agent)
    getattr(agent, stop)()
    os.rename(path, tmp_path / "second-name.log")
    with open(tmp_path / "second-name.log", "a") as file:
        file.write("two\n")
    agent.start()
    finish(loki, agent, ["one", "two"])
    assert loki.labels() == [{"filename": str(path)}]


def test_a_new_file_with_an_old_inode_is_read_from_its_start(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("old content, quite long, so that the position is far\n")
    agent = agents(tail_to_loki(tmp_path / "*.log", loki, input={"format": "raw"})).start()
    wait_until(lambda: loki.count() == 1, "the old line came")
    wait_checkpoint(agent)
    agent.kill()
    os.truncate(path, 0)  # the same inode, as after unlink and create on ext4
    lines = [f"new line {i}" for i in range(20)]
    with open(path, "a") as file:
        file.write("".join(line + "\n" for line in lines))
    agent.start()
    loki.wait_lines(lines)


@STOPS
def test_a_partial_line_under_way_is_whole_after_a_restart(agents, loki, node, stop):
    log = node.container()
    lines = log.write_many(5)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    log.write_piece("begun before, ", when=T0 + 10)
    log.write_piece("continued, ", when=T0 + 11)
    loki.wait_lines(lines)
    getattr(agent, stop)()
    log.write_piece("ended after", tag="F", when=T0 + 12)
    agent.start()
    finish(loki, agent, lines + ["begun before, continued, ended after"])
    joined = [e for e in loki.unique() if e.line.startswith(b"begun")]
    assert [e.timestamp for e in joined] == [T0 + 10]


@STOPS
def test_half_a_line_is_whole_after_a_restart(agents, loki, node, stop):
    log = node.container()
    lines = log.write_many(5)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    log.raw(b"2026-01-02T03:04:05Z stdout F first ha")
    loki.wait_lines(lines)
    getattr(agent, stop)()
    log.raw(b"lf, second half\n")
    agent.start()
    finish(loki, agent, lines + ["first half, second half"])


def test_a_thousand_equal_lines_stay_a_thousand_over_a_replay(agents, loki, node):
    """The server stored them, but its answer was lost: all is sent again, and nothing is added."""
    log = node.container()
    for _ in range(600):
        log.write("the same", when=T0)
    loki.behave(StoreThen(Status(503)))
    agent = agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: loki.count() >= 600, "a first try was stored")
    agent.kill()
    for _ in range(400):
        log.write("the same", when=T0)
    loki.heal()
    agent.start()
    wait_until(lambda: len(loki.unique()) >= 1000, lambda: f"1000 came, not {len(loki.unique())}")
    agent.wait_settled()
    assert sorted(e.timestamp for e in loki.unique()) == [T0 + i for i in range(1000)]
    assert loki.count() > 1000


def test_the_count_of_equal_times_survives_a_checkpoint_in_their_midst(agents, loki, node):
    log = node.container()
    for _ in range(300):
        log.write("the same", when=T0)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: loki.count() >= 300, "the first came")
    wait_checkpoint(agent)
    agent.kill()
    for _ in range(300):
        log.write("the same", when=T0)
    agent.start()
    wait_until(lambda: len(loki.unique()) >= 600, lambda: f"600 came, not {len(loki.unique())}")
    assert sorted(e.timestamp for e in loki.unique()) == [T0 + i for i in range(600)]


def test_start_at_end_counts_only_once(agents, loki, tmp_path):
    """Files there at the first start are skipped; after a restart nothing is skipped."""
    path = tmp_path / "app.log"
    path.write_text("history\n")
    config = tail_to_loki(path, loki, input={"format": "raw", "start_at": "end"})
    agent = agents(config).start()
    wait_until(lambda: agent.files()["files"], "the file is known")
    with open(path, "a") as file:
        file.write("one\n")
    loki.wait_lines(["one"])
    wait_checkpoint(agent)
    agent.kill()
    with open(path, "a") as file:
        file.write("two\n")
    agent.start()
    finish(loki, agent, ["one", "two"])
