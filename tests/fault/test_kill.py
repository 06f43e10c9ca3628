"""kill -9 at any moment: every line arrives, and every repeat is byte-identical."""
import os
import random
import subprocess

import pytest

from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.faults import Reset, Status, StoreThen
from harness.waiting import pause, wait_until
from harness.writer import Writer

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


def test_a_rename_between_kills_changes_no_line(agents, loki, tmp_path):
    """Not a rotation: the file simply has another name afterwards."""
    loki.behave(StoreThen(Status(503)))
    path = tmp_path / "a.log"
    lines = [f"line {i}" for i in range(500)]
    path.write_text("".join(line + "\n" for line in lines[:300]))
    agent = agents(tail_to_loki(tmp_path / "*.log", loki,
                                input={"format": "raw"})).start()
    wait_until(lambda: agent.ledger_total("taken") == 300, lambda: agent.ledger())
    agent.kill()
    os.rename(path, tmp_path / "b.log")
    with open(tmp_path / "b.log", "a") as file:
        file.write("".join(line + "\n" for line in lines[300:]))
    loki.heal()
    agent.start()
    wait_until(lambda: set(lines) <= set(loki.lines()), "all lines came")


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


@pytest.mark.skipif(os.environ.get("TAILRACE_BUILD") in ("asan", "tsan"),
                    reason="sanitizers want to be loaded first")
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
