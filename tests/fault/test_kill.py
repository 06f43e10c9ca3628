"""kill -9 at any moment: every line arrives, and every repeat is byte-identical."""
import os
import random
import shutil
import subprocess

import pytest

from harness.agent import SANITIZED
from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.faults import Reset, Status, StoreThen
from harness.kubelet import cri_line
from harness.waiting import pause, wait_until
from harness.writer import Writer

BEGIN = 1_767_322_445_000_000_000
TROUBLE = (StoreThen(Status(503)), StoreThen(Reset()), Status(429), Reset())


def finish(loki, agent, lines, timeout=90):
    loki.wait_lines(lines, timeout)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def kill_many_times(agent, loki, rng, times):
    for _ in range(times):
        if rng.random() < 0.5:
            loki.behave(rng.choice(TROUBLE), times=rng.randint(1, 3))
        pause(rng.uniform(0.02, 0.5))
        agent.kill()
        agent.start(ready=False)
    agent.wait_ready()


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_thirty_kills_while_appending_rotating_and_delivering(agents, loki, node, lanes):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    logs = [node.container(f"c{i}") for i in range(4)]
    agent = agents(tail_to_loki(node.glob, loki, agent={"lanes": lanes},
                                output={"batch": {"bytes": "64KiB", "linger": "50ms"}})).start()
    with Writer(logs, rate=2000, seed=seed, rotate_every=1000) as writer:
        kill_many_times(agent, loki, rng, 30)
        lines = writer.stop()
    finish(loki, agent, lines)
    assert loki.count() > len(lines), "kills in mid-delivery must have caused repeats"


@pytest.mark.slow
def test_kills_with_two_outputs_of_which_one_is_sick(agents, loki, second_loki, node):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    logs = [node.container(f"c{i}") for i in range(3)]
    agent = agents(pipeline({"files": tail(node.glob)},
                            {"one": loki_output(loki), "two": loki_output(second_loki)})).start()
    with Writer(logs, rate=1000, seed=seed) as writer:
        second_loki.behave(Status(503))
        kill_many_times(agent, loki, rng, 8)
        second_loki.heal()
        kill_many_times(agent, second_loki, rng, 8)
        lines = writer.stop()
    finish(loki, agent, lines)
    finish(second_loki, agent, lines)


@pytest.mark.slow
def test_kills_while_the_spool_is_in_use(agents, loki, node):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    logs = [node.container(f"c{i}") for i in range(3)]
    agent = agents(tail_to_loki(node.glob, loki, output={
        "spool_after": {"rereadable": "100ms"},
        "batch": {"bytes": "64KiB", "linger": "50ms"}})).start()
    with Writer(logs, rate=2000, seed=seed) as writer:
        for _ in range(10):
            loki.behave(Status(503))
            pause(rng.uniform(0.2, 0.6))
            agent.kill()
            agent.start(ready=False)
            pause(rng.uniform(0.1, 0.3))
            loki.heal()
            pause(rng.uniform(0.02, 0.2))
            agent.kill()
            agent.start(ready=False)
        lines = writer.stop()
    agent.wait_ready()
    finish(loki, agent, lines)


@pytest.mark.slow
def test_kills_while_containers_restart_and_lines_are_odd(agents, loki, node):
    """Lines over the limit, NULs, bytes that are no UTF-8, equal times, pieces without an end."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    logs = [node.container(f"c{i}") for i in range(3)]
    config = tail_to_loki(node.glob, loki, input={"max_line_size": "2KiB", "partial_timeout": "2s",
                                                  "rotate_wait": "500ms"})
    agent = agents(config).start()
    expected = []

    def write_some(round):
        for log in logs:
            start = f"{log.name} {round} "
            when = log.tick()
            for i in range(20):  # of one time
                log.write(f"{start}equal {i}", when=when)
                expected.append(f"{start}equal {i}")
            log.write(start + "long " + "x" * rng.randint(2000, 60_000))
            log.write(start.encode() + b"nul \0 and \xff\xfe bytes", "stderr")
            expected.append(start + "nul \0 and \ufffd\ufffd bytes")
            log.write_piece(start + "pieces, ")
            if rng.random() < 0.5:
                pause(rng.uniform(0, 0.2))
            log.write_piece("of a whole", tag="F")
            expected.append(start + "pieces, of a whole")
            if rng.random() < 0.3:
                log.restart()
            elif rng.random() < 0.3:
                log.rotate()

    for round in range(20):
        write_some(round)
        if rng.random() < 0.5:
            loki.behave(rng.choice(TROUBLE), times=rng.randint(1, 3))
        pause(rng.uniform(0.02, 0.3))
        agent.kill()
        agent.start(ready=False)
    for log in logs:  # its rest never comes
        log.write_piece(f"{log.name} last words", tag="P")
        expected.append(f"{log.name} last words")
    agent.wait_ready()
    wait_until(lambda: set(expected) <= set(loki.lines()),
               lambda: f"all came; missing {sorted(set(expected) - set(loki.lines()))[:5]}", 60)
    agent.wait_settled()
    long = [entry for entry in loki.unique() if b" long x" in entry.line]
    assert len(long) == 60 and all(len(entry.line) <= 2048 for entry in long)
    assert len(loki.unique()) == len(expected) + len(long)
    loki.assert_repeats_identical()
    assert not loki.complaints


@pytest.mark.slow
def test_kills_around_copytruncate(agents, loki, tmp_path):
    """What was not read when the file was truncated is found in the copy, gzipped or not."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    path = tmp_path / "app.log"
    path.write_text("")
    agent = agents(tail_to_loki(path, loki, input={"format": "cri"})).start()
    lines = []
    for turn in range(12):
        with open(path, "ab") as file:
            for _ in range(rng.randint(50, 500)):
                lines.append(f"line {len(lines):06d}")
                file.write(cri_line(BEGIN + len(lines) * 1000, "stdout", lines[-1]))
        if rng.random() < 0.4:
            loki.behave(rng.choice(TROUBLE), times=rng.randint(1, 3))
        pause(rng.uniform(0, 0.3))
        alive = rng.random() < 0.5
        if not alive:
            agent.kill()
        for number in range(turn, 0, -1):
            for name in (f"app.log.{number}", f"app.log.{number}.gz"):
                if (tmp_path / name).exists():
                    os.rename(tmp_path / name,
                              tmp_path / name.replace(str(number), str(number + 1)))
        shutil.copy2(path, tmp_path / "app.log.1")
        os.truncate(path, 0)
        if rng.random() < 0.5:
            subprocess.run(["gzip", tmp_path / "app.log.1"], check=True)
        if alive:
            pause(rng.uniform(0, 0.2))
            agent.kill()
        agent.start()
    finish(loki, agent, lines)


def test_kill_after_a_file_was_deleted_that_nobody_got(agents, loki, node):
    """Bytes of a deleted file cannot be read again: they are spooled before long."""
    log = node.container()
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = log.write_many(2000)
    wait_until(lambda: agent.ledger_total("taken") == len(lines), "all was read")
    log.delete()
    wait_until(lambda: agent.metrics().total("tailrace_output_at_risk_records") == 0 and
               any(agent.state_dir.glob("spool/*/*.spool")) and
               agent.files()["files"] == [], lambda: f"all is safe: {agent.files()}", 40)
    agent.kill()
    loki.heal()
    agent.start()
    finish(loki, agent, lines)


@pytest.mark.parametrize("unit", ["whole", "pieces"])
def test_a_rename_between_kills_changes_no_line(agents, loki, tmp_path, unit):
    """Not a rotation: the file simply has another name afterwards."""
    loki.behave(StoreThen(Status(503)))
    path = tmp_path / "a.log"
    lines = [f"line {i}" for i in range(500)]

    def write(path, part):
        with open(path, "ab") as file:
            for i, line in part:
                if unit == "pieces":
                    file.write(cri_line(BEGIN + i, "stdout", line[:3], "P"))
                    line = line[3:]
                file.write(cri_line(BEGIN + i, "stdout", line))

    numbered = list(enumerate(lines))
    write(path, numbered[:300])
    agent = agents(tail_to_loki(tmp_path / "*.log", loki, input={"format": "cri"})).start()
    wait_until(lambda: len(loki.unique()) == 300, lambda: agent.ledger())
    agent.kill()
    os.rename(path, tmp_path / "b.log")
    write(tmp_path / "b.log", numbered[300:])
    loki.heal()
    agent.start()
    finish(loki, agent, lines)
    assert loki.count() >= 800, "the first lines came again"
    assert loki.labels() == [{"filename": str(path), "stream": "stdout"}]


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/stat.h>
#include <unistd.h>
#define SHIFT 7
#define WRAP(name, parameters, arguments)                                                          \
  int name parameters {                                                                            \
    int (*real) parameters = (int(*) parameters)dlsym(RTLD_NEXT, #name);                           \
    int result = real arguments;                                                                   \
    if (result == 0) at->st_dev += SHIFT;                                                          \
    return result;                                                                                 \
  }
WRAP(stat, (const char* path, struct stat* at), (path, at))
WRAP(lstat, (const char* path, struct stat* at), (path, at))
WRAP(fstat, (int fd, struct stat* at), (fd, at))
WRAP(fstatat, (int dir, const char* path, struct stat* at, int flags), (dir, path, at, flags))
"""


@pytest.fixture
def new_device(tmp_path):
    """A library that makes every file seem to lie on another device, as after a reboot."""
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return str(library)


@pytest.mark.skipif(SANITIZED, reason="sanitizers want to be loaded first")
def test_a_new_device_number_changes_no_repeat(agents, loki, node, new_device):
    """Killed while nothing was confirmed and a line was under way, and rotated before the start."""
    loki.behave(StoreThen(Status(503)))
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = log.write_many(500)
    log.write_piece("a line in ", "stderr")
    wait_until(lambda: len(loki.unique()) == len(lines), "all were stored, and none confirmed")
    agent.kill()
    log.rotate()
    log.write_piece("pieces", "stderr", tag="F")
    lines += ["a line in pieces"] + log.write_many(10)
    loki.heal()
    agent.env["LD_PRELOAD"] = new_device
    agent.start()
    finish(loki, agent, lines)
    assert loki.count() >= 1000, "they came again"


@pytest.mark.skipif(SANITIZED, reason="sanitizers want to be loaded first")
def test_a_reboots_new_device_number_repeats_nothing(agents, loki, node, new_device):
    log = node.container()
    lines = log.write_many(500)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    agent.stop()
    lines += log.write_many(500)
    log.rotate()
    lines += log.write_many(10)
    agent.env["LD_PRELOAD"] = new_device
    agent.start()
    finish(loki, agent, lines)
    assert loki.count() == len(lines)
    loki.assert_ordered()
