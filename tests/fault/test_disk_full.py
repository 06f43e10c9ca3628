"""No room under state_dir: the agent waits, says so, and goes on when there is room."""
import os
import subprocess

import pytest

from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.faults import Status
from harness.waiting import pause, wait_until


@pytest.fixture
def small_disk(tmp_path):
    """A filesystem of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder],
        capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("needs root and the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Takes all the room there is; returns the file that holds it."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def config(node, loki, disk, **buffer):
    return tail_to_loki(node.glob, loki, agent={"state_dir": str(disk / "state")}, output={
        "compression": "none", "batch": {"bytes": "32KiB", "linger": "50ms"},
        "buffer": {"memory": "2MiB", "disk": "1GiB", **buffer}})


def test_a_spool_that_fills_the_disk_makes_the_input_wait(agents, loki, node, small_disk):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(config(node, loki, small_disk)).start()
    lines = log.write_many(150_000)  # 7 MB of requests, for 2 MiB of memory and 2 MiB of disk
    agent.wait_log("(?i)no space left")
    wait_until(lambda: agent.get("/healthz")[0] == 200, "it is alive")
    [row] = agent.files()["files"]
    assert row["position"] < row["size"]
    assert "loki" in agent.get("/readyz")[1]
    assert any(value > 0 for name, _, value in agent.metrics().samples
               if "spool" in name and ("fail" in name or "error" in name or "full" in name))
    loki.heal()
    loki.wait_lines(lines, timeout=90)
    agent.wait_settled()
    loki.assert_exactly(lines)


def test_a_full_disk_says_so_once_not_a_thousand_times(agents, loki, node, small_disk):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(config(node, loki, small_disk)).start()
    filler = fill(small_disk)
    log.write_many(100_000)
    agent.wait_log("(?i)no space left")
    pause(3)
    said = [line for line in agent.log().splitlines() if "no space left" in line.lower()]
    assert len(said) <= 4, said
    filler.unlink()


def test_checkpoints_that_cannot_be_written_stop_nothing(agents, loki, node, small_disk):
    log = node.container()
    agent = agents(config(node, loki, small_disk)).start()
    lines = log.write_many(100)
    loki.wait_lines(lines)
    filler = fill(small_disk)
    lines += log.write_many(5000)
    loki.wait_lines(lines)
    agent.wait_log("(?i)no space left")
    filler.unlink()
    lines += log.write_many(100)
    loki.wait_lines(lines)
    agent.wait_settled()
    agent.stop()
    agent.start()
    lines += log.write_many(1)
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def test_kill_on_a_full_disk_loses_nothing(agents, loki, node, small_disk):
    log = node.container()
    loki.behave(Status(503))
    agent = agents(config(node, loki, small_disk)).start()
    lines = log.write_many(60_000)
    filler = fill(small_disk)
    lines += log.write_many(60_000)
    pause(0.5)
    agent.kill()
    agent.start(ready=False)
    pause(1)
    if not agent.running():  # refusing to start without room is fine, as long as it says so
        assert "no space" in agent.log().lower()
    filler.unlink()
    if not agent.running():
        agent.start(ready=False)
    agent.wait_ready()
    loki.heal()
    loki.wait_lines(lines, timeout=90)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def test_a_healthy_output_beside_it_is_not_held_up(agents, loki, second_loki, node, small_disk):
    """Until the sick one's owner chose `block` and its share is full, the other goes on."""
    log = node.container()
    loki.behave(Status(503))
    made = pipeline({"files": tail(node.glob)},
                    {"sick": loki_output(loki, buffer={"memory": "2MiB", "disk": "64MiB",
                                                       "when_full": "drop_oldest"},
                                         batch={"bytes": "32KiB", "linger": "50ms"}),
                     "well": loki_output(second_loki)},
                    agent={"state_dir": str(small_disk / "state")})
    agent = agents(made).start()
    # Nothing of a new pattern is read before its first use is noted on disk.
    wait_until((small_disk / "state" / "checkpoints").exists, "the first checkpoint is written")
    filler = fill(small_disk)
    lines = log.write_many(100_000)
    second_loki.wait_lines(lines, timeout=60)
    assert agent.running()
    filler.unlink()
