"""Fixtures of the scrape tests."""
import pytest

from harness.fake_receiver import FakeReceiver
from harness.page_server import PageServer


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
