"""The demo's input: this machine's own logs, and a service whose files lie as in a node."""
import subprocess
import sys
import threading
from pathlib import Path

from harness.kubelet import KubeletLogs

SERVICE = Path(__file__).with_name("demo_service.py")
LARGEST = 64 << 20  # bytes of one file of this machine
PLAIN_NAMES = ("syslog", "messages")


class SystemLogs:
    """Text files under /var/log that we may read, and an export of the journal if there is one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.paths = []

    def find(self):
        for path in sorted(Path("/var/log").rglob("*")):
            if self._wanted(path):
                self.paths.append(path)
        journal = self._export_journal()
        if journal:
            self.paths.append(journal)
        return self

    @staticmethod
    def _wanted(path):
        if not (path.suffix == ".log" or path.name in PLAIN_NAMES):
            return False
        try:
            if path.is_symlink() or not path.is_file() or not 0 < path.stat().st_size <= LARGEST:
                return False
            with open(path, "rb") as file:
                return b"\0" not in file.read(4096)
        except OSError:
            return False

    def _export_journal(self):
        try:
            done = subprocess.run(["journalctl", "--no-pager", "-o", "short-iso-precise", "-n",
                                   "20000"], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        lines = [line for line in done.stdout.splitlines() if not line.startswith(b"-- ")]
        if done.returncode != 0 or not lines:
            return None
        path = self.folder / "journal.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    def lines(self):
        """The lines that must arrive: whole, not empty, valid text."""
        found = set()
        for path in self.paths:
            data = path.read_bytes()
            for line in data[:data.rfind(b"\n") + 1].split(b"\n"):
                line = line.rstrip(b"\r")
                if line and b"\0" not in line and is_text(line):
                    found.add(line.decode())
        return found


def is_text(line):
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class Pod:
    """One replica of the service and, in its container runtime's place, two threads that write what
    it prints as CRI lines. The file is rotated at `rotate_bytes`."""

    def __init__(self, node, name, rate, rotate_bytes):
        self.log = node.container("app", pod=name, namespace="demo")
        self.rotate_bytes = rotate_bytes
        self.lines = []
        self.rotations = 0
        self._lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, str(SERVICE), name, str(rate)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._threads = [threading.Thread(target=self._copy, args=(pipe, side), daemon=True)
                         for pipe, side in ((self.process.stdout, "stdout"),
                                            (self.process.stderr, "stderr"))]
        for thread in self._threads:
            thread.start()

    def _copy(self, pipe, side):
        for line in pipe:
            with self._lock:
                self.log.write(line.rstrip(b"\n"), side)
                self.lines.append(line.rstrip(b"\n").decode())
                if self.log.path.stat().st_size >= self.rotate_bytes:
                    self.log.rotate()
                    self.rotations += 1

    def stop(self):
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()


class Service:
    """A few replicas of the demo's service on a node of its own."""

    def __init__(self, folder, rate, replicas=3, rotate_bytes=256 << 10):
        self.node = KubeletLogs(folder)
        self.pods = [Pod(self.node, f"checkout-{i}", rate / replicas, rotate_bytes)
                     for i in range(replicas)]

    def check(self):
        for pod in self.pods:
            if pod.process.poll() is not None:
                raise SystemExit("demo: the service ended unexpectedly")

    def stop(self):
        for pod in self.pods:
            pod.stop()

    @property
    def count(self):
        return sum(len(pod.lines) for pod in self.pods)

    @property
    def rotations(self):
        return sum(pod.rotations for pod in self.pods)

    def lines(self):
        return {line for pod in self.pods for line in pod.lines}

