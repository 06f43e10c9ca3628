"""A real Loki as a process, where the environment names its program in TAILRACE_LIVE_LOKI."""
import json
import os
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness.waiting import wait_until

CONFIG = """
auth_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1,
          grpc_listen_port: {grpc}, log_level: warn}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {folder}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
  storage: {{filesystem: {{chunks_directory: {folder}/chunks, rules_directory: {folder}/rules}}}}
schema_config:
  configs:
    - {{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13,
        index: {{prefix: index_, period: 24h}}}}
ingester: {{lifecycler: {{min_ready_duration: 0s, final_sleep: 0s}}}}
limits_config: {{allow_structured_metadata: true, discover_log_levels: true}}
analytics: {{reporting_enabled: false}}
"""


def program():
    return os.environ.get("TAILRACE_LIVE_LOKI")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class RealLoki:
    """Loki in one process with its data in `folder`, tenants on."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        config = self.folder / "loki.yaml"
        config.write_text(CONFIG.format(http=self.port, grpc=free_port(), folder=self.folder))
        self.log = open(self.folder / "loki.log", "wb")
        self.process = subprocess.Popen([program(), f"-config.file={config}"], stdout=self.log,
                                        stderr=subprocess.STDOUT)
        wait_until(self._ready, lambda: (self.folder / "loki.log").read_text()[-3000:], timeout=90)

    def _ready(self):
        assert self.process.poll() is None, (self.folder / "loki.log").read_text()[-3000:]
        try:
            return b"ready" in urllib.request.urlopen(f"{self.base}/ready", timeout=5).read()
        except (urllib.error.URLError, OSError):
            return False

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.base}/loki/api/v1/push"

    def entries(self, selector, tenant, start_ns, limit=5000):
        """[(timestamp in ns, line, labels and metadata)] in Loki's order."""
        query = urllib.parse.urlencode({"query": selector, "start": start_ns, "limit": limit,
                                        "end": start_ns + 7 * 86400 * 10**9,
                                        "direction": "forward"})
        request = urllib.request.Request(f"{self.base}/loki/api/v1/query_range?{query}",
                                         headers={"X-Scope-OrgID": tenant})
        with urllib.request.urlopen(request, timeout=30) as answer:
            streams = json.load(answer)["data"]["result"]
        found = [(int(when), line, stream["stream"]) for stream in streams
                 for when, line, *_ in stream["values"]]
        return sorted(found, key=lambda entry: entry[0])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
