"""The agent under test as a process."""
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from harness.process import cpu_seconds, memory_kib
from harness.prometheus_text import Metrics
from harness.waiting import PATIENCE, wait_until

ADMIN_LINE = re.compile(r"admin listening on ([\d.]+):(\d+)")
LISTEN_LINE = re.compile(r"(?<!admin )listening on ([\d.]+):(\d+)")
SIDES = ("records", "bytes")
# A sanitizer's build: most of its memory is the sanitizer's.
SANITIZED = os.environ.get("TAILRACE_BUILD") in ("asan", "tsan")


def binary():
    default = Path(__file__).resolve().parents[2] / "build/release/src/cli/tailrace"
    return os.environ.get("TAILRACE_BINARY", str(default))


def run_tool(*arguments, timeout=30, env=None, **options):
    """Runs `tailrace ARGUMENTS` to its end; returns the CompletedProcess with text output."""
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True,
                          errors="replace", timeout=timeout * PATIENCE,
                          env={**os.environ, **(env or {})}, **options)


def fill_in(config, state_dir):
    """The config with what every test needs: a state folder and an admin port of its own."""
    agent = {"state_dir": str(state_dir), "admin": {"listen": "127.0.0.1:0"},
             **config.get("agent", {})}
    return {**config, "agent": agent}


class Agent:
    """`tailrace run` with a config; can be stopped, killed and started again on the same state."""

    def __init__(self, folder, config, name="agent"):
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state_dir = self.folder / "state"
        self.state_dir.mkdir(exist_ok=True)
        self.config_path = self.folder / "config.yaml"
        self.log_path = self.folder / "stderr.log"
        self.stdout_path = self.folder / "stdout.log"
        self.process = None
        self.env = {}
        self.write_config(config)

    def write_config(self, config):
        self.config = fill_in(config, self.state_dir)
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False))

    # Life of the process

    def start(self, *options, ready=True, wrapper=()):
        assert self.process is None or self.process.poll() is not None, "it runs already"
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log, open(self.stdout_path, "ab") as out:
            self.process = subprocess.Popen(
                [*wrapper, binary(), "run", "--config", str(self.config_path), *options],
                stdout=out, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                env={**os.environ, **self.env})
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        wait_until(lambda: self._died_or(lambda: self.get("/readyz")[0] == 200),
                   lambda: f"the agent is ready; its log:\n{self.log_tail()}")

    def _died_or(self, condition):
        if self.process.poll() is not None:
            raise AssertionError(
                f"the agent ended with {self.process.returncode}; its log:\n{self.log_tail()}")
        return condition()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9"""
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_exit(self, timeout=60):
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {timeout} s:\n{self.log_tail()}") from None

    def stop(self, timeout=60):
        """SIGTERM; the agent must end with 0."""
        self.terminate()
        status = self.wait_exit(timeout)
        assert status == 0, f"exit status {status} after SIGTERM:\n{self.log_tail()}"

    def restart(self, *options):
        """kill -9 and start."""
        self.kill()
        return self.start(*options)

    def run_once(self, *options, timeout=120):
        """`run --once` to its end; returns the exit status."""
        self.start("--once", *options, ready=False)
        return self.wait_exit(timeout)

    # What it says

    def log(self):
        """The log of the current (or last) run."""
        with open(self.log_path, "rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def stdout(self):
        return self.stdout_path.read_bytes()

    def wait_log(self, pattern, timeout=20):
        return wait_until(lambda: re.search(pattern, self.log()),
                          lambda: f"the log says {pattern!r}; it says:\n{self.log_tail()}", timeout)

    def admin_port(self):
        match = ADMIN_LINE.search(self.log())
        return int(match[2]) if match else None

    def listen_ports(self):
        """Ports of receivers, in the order in which they were opened."""
        wait_until(lambda: LISTEN_LINE.search(self.log()), "a receiver listens")
        return [int(match[2]) for match in LISTEN_LINE.finditer(self.log())]

    def get(self, path, timeout=10):
        """(status, body text) of a GET on the admin port; (None, "") when nobody answers."""
        port = self.admin_port()
        if port is None:
            return None, ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}",
                                        timeout=timeout * PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def api(self, path):
        status, body = self.get(path)
        assert status == 200, f"GET {path}: {status} {body}"
        return json.loads(body)

    def metrics(self):
        status, body = self.get("/metrics")
        assert status == 200, f"GET /metrics: {status}\n{self.log_tail()}"
        return Metrics(body)

    def files(self):
        return self.api("/api/v1/files")

    def memory(self):
        return memory_kib(self.process.pid)

    def cpu(self):
        return cpu_seconds(self.process.pid)

    # The ledger

    def state_stats(self):
        """Of each file in the state directory. One that goes meanwhile (a new checkpoint takes the
        old one's name) is left out."""
        stats = []
        for path in self.state_dir.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                stats.append(path.stat())
        return [each for each in stats if stat.S_ISREG(each.st_mode)]

    def ledger(self):
        return self.api("/api/v1/ledger")

    def assert_ledger_closed(self):
        """taken + found = delivered + refused + dropped + filtered + waiting, cell by cell."""
        ledger = self.ledger()
        for cell in ledger["cells"]:
            for side in SIDES:
                came = cell["taken"][side] + cell["found"][side]
                went = sum(cell[way][side]
                           for way in ("delivered", "refused", "dropped", "filtered"))
                went += waiting(cell, side)
                assert came == went, f"the ledger does not close ({side}): {cell}"
        assert ledger["balanced"] is True, ledger
        return ledger

    def ledger_total(self, way, side="records", **where):
        """The sum of one way over all cells with, say, output="loki"."""
        cells = [cell for cell in self.ledger()["cells"]
                 if all(cell[key] == value for key, value in where.items())]
        if way == "waiting":
            return sum(waiting(cell, side) for cell in cells)
        return sum(cell[way][side] for cell in cells)

    def wait_settled(self, timeout=60):
        """Until nothing waits anywhere in the agent and the inputs have nothing unread."""
        wait_until(self._settled, lambda: f"all is settled; ledger: {self.ledger()}", timeout)

    def _settled(self):
        behind = sum(file["lag_bytes"] + file["waiting_bytes"] for file in self.files()["files"])
        return behind == 0 and self.ledger_total("waiting") == 0


def waiting(cell, side):
    """What waits of a ledger cell: a total, or the sum of its places."""
    found = cell["waiting"]
    if side in found:
        return found[side]
    return sum(place[side] for place in found.values() if isinstance(place, dict))
