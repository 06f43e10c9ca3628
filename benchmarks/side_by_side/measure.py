"""Runs a program and tells what it cost."""
import json
import re
import resource
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cost:
    cpu_s: float
    wall_s: float
    rss_kib: int
    report: dict


def status_field(pid, name):
    """A field of /proc/PID/status in KiB, or 0 once the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0


def cpu_seconds(pid):
    """User and system time of all threads that are there, as the scheduler counts it: the ticks of
    10 ms in /proc/PID/stat are too coarse for what works for one hundredth of the time."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class PeakWatch:
    """Samples VmHWM while a process runs. (ru_maxrss of a child begins with its parent's size.)"""

    def __init__(self, pid):
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(pid,), daemon=True)
        self._thread.start()

    def _run(self, pid):
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, status_field(pid, "VmHWM"))

    def end(self):
        self._stop.set()
        self._thread.join()
        return self.peak


def run(command, log, stop_when=None, **options):
    """Runs to the end (or until `stop_when(pid)`, then SIGTERM) and returns its Cost."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    with open(log, "wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, **options)
        watch = PeakWatch(process.pid)
        if stop_when:
            while process.poll() is None and not stop_when(process.pid):
                time.sleep(0.05)
            process.terminate()
        output = process.communicate()[0].decode(errors="replace")
    wall = time.monotonic() - start
    peak = watch.end()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0 and not stop_when:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n"
                         + Path(log).read_text(errors="replace")[-3000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = json.loads(output) if output.startswith("{") else {}
    return Cost(cpu, wall, peak, report)


class Sink:
    """The light receiving end as a process of its own."""

    def __init__(self, build, decode=False):
        command = [str(build / "benchmarks/sink")] + (["--decode"] if decode else [])
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def stats(self, reset=False):
        return self.ask("reset" if reset else "stats")

    def ask(self, path):
        with urllib.request.urlopen(f"http://{self.address}/{path}", timeout=60) as answer:
            return json.load(answer)

    def close(self):
        self.process.kill()
        self.process.wait()
