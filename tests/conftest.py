"""Fixtures of all end-to-end tests."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.agent import Agent  # noqa: E402
from harness.fake_loki import FakeLoki  # noqa: E402
from harness.fake_receiver import FakeReceiver  # noqa: E402
from harness.kubelet import KubeletLogs  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--shard", default="0/1", metavar="I/N",
                     help="only part I of N, counted from 0")


@pytest.hookimpl(trylast=True)  # of those that have the markers asked for
def pytest_collection_modifyitems(config, items):
    keep_shard(config, items)
    hooked = os.environ.get("TAILRACE_BUILD") in ("asan", "tsan", "unit", "dev")
    for item in items:
        if "hooks" in item.keywords and not hooked:
            item.add_marker(pytest.mark.skip(reason="this build has no test hooks"))


def keep_shard(config, items):
    """Every Nth test: those that wait long stand together in few files, so each part gets its share."""
    mine, parts = map(int, config.getoption("--shard").split("/"))
    config.hook.pytest_deselected(
        items=[item for number, item in enumerate(items) if number % parts != mine])
    items[:] = items[mine::parts]


@pytest.fixture
def agents(tmp_path):
    """Makes agents: agents(config, name="agent"). At the end their ledgers must close."""
    made = []

    def make(config, name="agent"):
        made.append(Agent(tmp_path, config, name))
        return made[-1]

    yield make
    try:
        for agent in made:
            if agent.running() and agent.get("/readyz")[0] == 200:
                agent.assert_ledger_closed()
    finally:
        for agent in made:
            if agent.running():
                agent.kill()
    for agent in made:
        assert "Sanitizer" not in agent.log_path.read_text(errors="replace"), agent.log_tail()


@pytest.fixture
def loki():
    server = FakeLoki()
    yield server
    server.heal()
    server.down()


@pytest.fixture
def second_loki():
    server = FakeLoki()
    yield server
    server.heal()
    server.down()


@pytest.fixture
def node(tmp_path):
    """A node's container logs."""
    return KubeletLogs(tmp_path / "node")


@pytest.fixture
def receiver():
    """A receiver of remote write."""
    server = FakeReceiver()
    yield server
    server.close()


@pytest.fixture
def otlp():
    """A receiver of OTLP over HTTP."""
    from harness.fake_otlp import FakeOtlp  # compiles OTLP's messages
    server = FakeOtlp()
    yield server
    server.close()
