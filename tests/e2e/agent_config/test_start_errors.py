"""What prevents a start is said at once, with exit code 1, and leaves nothing behind."""
import os
import socket

import pytest

from harness.agent import Agent
from harness.configs import pipeline, tail_to_loki


def refused(agent):
    agent.start(ready=False)
    status = agent.wait_exit()
    assert status == 1, f"{status}: {agent.log()}"
    return agent.log()


def test_a_state_dir_that_another_agent_holds(agents, loki, node):
    first = agents(tail_to_loki(node.glob, loki), "first").start()
    second = agents(tail_to_loki(node.glob, loki,
                                 agent={"state_dir": str(first.state_dir)}), "second")
    assert str(first.state_dir) in refused(second)
    lines = node.container().write_many(5)
    loki.wait_lines(lines)
    assert first.running()


def test_the_lock_goes_with_a_killed_agent(agents, loki, node):
    agent = agents(tail_to_loki(node.glob, loki)).start()
    agent.kill()
    agent.start()


def test_a_state_dir_that_is_a_file(agents, loki, node, tmp_path):
    (tmp_path / "occupied").write_text("")
    agent = agents(tail_to_loki(node.glob, loki, agent={"state_dir": str(tmp_path / "occupied")}))
    assert "occupied" in refused(agent)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to start as somebody else")
def test_a_state_dir_that_cannot_be_written(tmp_path, loki, node):
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        os.chmod(folder, 0o755)
    agent = Agent(tmp_path, tail_to_loki(node.glob, loki))
    os.chmod(agent.folder, 0o755)
    os.chmod(agent.state_dir, 0o555)
    agent.start(ready=False, wrapper=("setpriv", "--reuid=65534", "--regid=65534",
                                      "--clear-groups"))
    assert agent.wait_exit() == 1
    assert str(agent.state_dir) in agent.log() and "ermission" in agent.log()


def test_a_state_dir_is_made_when_it_is_missing(agents, loki, node, tmp_path):
    agent = agents(tail_to_loki(node.glob, loki,
                                agent={"state_dir": str(tmp_path / "deep/down/state")})).start()
    lines = node.container().write_many(2)
    loki.wait_lines(lines)
    assert (tmp_path / "deep/down/state").is_dir()
    assert agent.running()


@pytest.mark.parametrize("which", ["admin", "receiver"])
def test_a_port_that_is_taken(agents, loki, node, which):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if which == "admin":
            config = tail_to_loki(node.glob, loki, agent={"admin": {"listen": f"127.0.0.1:{port}"}})
        else:
            config = pipeline({"push": {"type": "loki_push", "listen": f"127.0.0.1:{port}"}},
                              {"nowhere": {"type": "null"}})
        said = refused(agents(config))
    assert str(port) in said and "in use" in said.lower()


def test_state_of_a_newer_version_is_refused_clearly(agents, loki, node):
    lines = node.container().write_many(10)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    agent.stop()
    files = [path for path in agent.state_dir.rglob("*") if path.is_file() and path.stat().st_size]
    checkpoints = [path for path in files if "checkpoint" in path.name]
    assert checkpoints, files
    data = bytearray(checkpoints[0].read_bytes())
    first_difference = next(i for i in range(4, 24) if data[i] in (1, ord("1")))
    data[first_difference] += 7
    checkpoints[0].write_bytes(data)
    agent.start(ready=False)
    if agent.process.poll() is None:
        agent.wait_log("(?i)newer|version|corrupt|checkpoint")
    else:
        assert agent.wait_exit() == 1
