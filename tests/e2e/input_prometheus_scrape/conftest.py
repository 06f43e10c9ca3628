"""Fixtures of the scrape tests."""
from pathlib import Path

import pytest

from harness.fake_receiver import FakeReceiver
from harness.page_server import PageServer

# The plugin is linked in from the day on which its folder has a meson.build.
PLUGIN = Path(__file__).resolve().parents[3] / "plugins/inputs/prometheus_scrape"
if not (PLUGIN / "meson.build").exists():
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def server():
    made = PageServer()
    yield made
    made.close()


@pytest.fixture
def receiver():
    made = FakeReceiver()
    yield made
    made.close()
