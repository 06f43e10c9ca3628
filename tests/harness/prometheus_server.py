"""A real Prometheus as a process: Debian's, or the one of 3.x that TAILRACE_LIVE_PROMETHEUS names."""
import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from harness.waiting import wait_until


def available():
    return shutil.which("prometheus") is not None


def live_program():
    return os.environ.get("TAILRACE_LIVE_PROMETHEUS")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PrometheusServer:
    """`prometheus` with a config; a remote-write receiver unless it runs in agent mode."""

    def __init__(self, folder, config=None, agent=False, name="prometheus", program="prometheus",
                 flags=()):
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.log_path = self.folder / "log"
        config_path = self.folder / "prometheus.yml"
        config_path.write_text(yaml.safe_dump(config or {}))
        mode = (["--enable-feature=agent", f"--storage.agent.path={self.folder}/data"] if agent else
                ["--web.enable-remote-write-receiver", f"--storage.tsdb.path={self.folder}/data"])
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program, f"--config.file={config_path}",
                 f"--web.listen-address=127.0.0.1:{self.port}", *mode, *flags],
                stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._ready, lambda: f"Prometheus is ready:\n{self.log_path.read_text()}", 60)

    def _ready(self):
        assert self.process.poll() is None, self.log_path.read_text()
        try:
            return self._get("/-/ready", parse=False)
        except (OSError, urllib.error.URLError):
            return False

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def write_url(self):
        return f"{self.base}/api/v1/write"

    def _get(self, path, parse=True):
        with urllib.request.urlopen(f"{self.base}{path}", timeout=30) as answer:
            body = answer.read()
            return json.loads(body) if parse else body or True

    def samples(self, selector, window="1h"):
        """{labels: [(timestamp, value text)]} of a selector such as `{job="x"}`."""
        query = urllib.parse.urlencode({"query": f"{selector}[{window}]"})
        result = self._get(f"/api/v1/query?{query}")["data"]["result"]
        return {tuple(sorted(row["metric"].items())):
                [(timestamp, value) for timestamp, value in row["values"]] for row in result}

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
