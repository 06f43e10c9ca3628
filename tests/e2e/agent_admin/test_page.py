"""The page at / in a real browser."""
import html
import re
import shutil
import subprocess

import pytest

from harness.configs import tail_to_loki
from harness.faults import Status
from harness.waiting import wait_until

# Nothing of the browser's own that would go out to the network.
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def shown(agent, tmp_path):
    """What a person reads on the page some seconds after opening it."""
    done = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'chromium'}",
         "--virtual-time-budget=5000", "--dump-dom",
         f"http://127.0.0.1:{agent.admin_port()}/"],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", done.stdout, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


def test_the_page_shows_flow_and_files(agents, loki, node, tmp_path):
    pod = node.container()
    pod.write("a very secret line")
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(["a very secret line"])
    agent.wait_settled()
    text = shown(agent, tmp_path)
    assert "books close" in text
    assert re.search(r"→\s*logs\s*→", text), text
    assert re.search(r"0\.log\s+\w+", text), text
    assert "very secret" not in text
    assert "no answer" not in text


def test_the_page_tells_what_is_wrong(agents, loki, node, tmp_path):
    node.container().write("waits")
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: "loki" in agent.get("/readyz")[1], "the body of /readyz tells it")
    text = shown(agent, tmp_path)
    assert re.search(r"output loki: .*503", text), text
