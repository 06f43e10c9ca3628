"""Log files laid out, written and rotated as container runtimes and the kubelet do."""
import gzip
import hashlib
import os
import time
from datetime import datetime, timezone
from pathlib import Path

PIECE = 16384  # containerd's max_container_log_line_size
MAX_FILES = 5  # kubelet's containerLogMaxFiles


def cri_time(nanoseconds):
    """RFC3339Nano in UTC, trailing zeros trimmed as Go does."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return text + (f".{digits}" if digits else "") + "Z"


def cri_line(nanoseconds, stream, content, tag="F"):
    content = content.encode() if isinstance(content, str) else content
    return f"{cri_time(nanoseconds)} {stream} {tag} ".encode() + content + b"\n"


class KubeletLogs:
    """A node's /var/log under a folder of the test."""

    def __init__(self, root):
        self.root = Path(root)
        self.pods = self.root / "var/log/pods"
        self.links = self.root / "var/log/containers"
        self.pods.mkdir(parents=True)
        self.links.mkdir(parents=True)

    def container(self, name="app", pod="web-0", namespace="shop"):
        return ContainerLog(self, namespace, pod, name)

    @property
    def glob(self):
        """For `include`: the legacy links."""
        return str(self.links / "*.log")

    @property
    def pods_glob(self):
        return str(self.pods / "*/*/*.log")


class ContainerLog:
    """One container's log. Written as containerd writes: a write() per line, O_APPEND."""

    def __init__(self, node, namespace, pod, name):
        self.node, self.namespace, self.pod, self.name = node, namespace, pod, name
        self.uid = hashlib.md5(f"{namespace}/{pod}".encode()).hexdigest()
        self.folder = node.pods / f"{namespace}_{pod}_{self.uid}" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.restarts = 0
        self.written = 0
        self.clock = time.time_ns()
        self._descriptor = None
        self._stamp = int(time.time())
        self._open()
        self._link()

    @property
    def path(self):
        return self.folder / f"{self.restarts}.log"

    @property
    def link(self):
        identity = hashlib.sha256(f"{self.uid}/{self.name}/{self.restarts}".encode()).hexdigest()
        return self.node.links / f"{self.pod}_{self.namespace}_{self.name}-{identity}.log"

    def labels(self, stream="stdout"):
        """The labels that the agent gives by default, from the path."""
        return {"namespace": self.namespace, "pod": self.pod, "container": self.name,
                "stream": stream}

    def _open(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def _link(self):
        if not self.link.is_symlink():
            self.link.symlink_to(self.path)

    def tick(self):
        """The next time stamp: distinct and rising."""
        self.clock = max(self.clock + 1000, time.time_ns())
        return self.clock

    def raw(self, data):
        os.write(self._descriptor, data)

    def write(self, content, stream="stdout", when=None):
        """One whole line; cut into partials as containerd does when it is long."""
        content = content.encode() if isinstance(content, str) else content
        when = when if when is not None else self.tick()
        while len(content) > PIECE:
            self.raw(cri_line(when, stream, content[:PIECE], "P"))
            content = content[PIECE:]
            when += 1
        self.raw(cri_line(when, stream, content))
        self.clock = max(self.clock, when)
        self.written += 1

    def write_piece(self, content, stream="stdout", tag="P", when=None):
        self.raw(cri_line(when if when is not None else self.tick(), stream, content, tag))

    def write_many(self, count, text=None, stream="stdout"):
        """Numbered lines; returns them. A default line says where it came from."""
        lines = []
        for _ in range(count):
            lines.append(text(self.written) if text else
                         f"{self.namespace}/{self.pod}/{self.name} line {self.written:06d}")
            self.write(lines[-1], stream)
        return lines

    # The kubelet's and the runtime's doings

    def rotate(self, gap=None):
        """One rotation in the kubelet's order; `gap` is called while <n>.log does not exist."""
        rotated = sorted(self._rotated())
        for old in self.folder.glob("*.tmp"):
            old.unlink()
        for old in rotated[:max(0, len(rotated) - (MAX_FILES - 2))]:
            old.unlink()
        for old in sorted(self._rotated()):
            if old.suffix != ".gz":
                self._compress(old)
        self._stamp = max(self._stamp + 1, int(time.time()))
        stamp = datetime.fromtimestamp(self._stamp).strftime("%Y%m%d-%H%M%S")
        target = self.folder / f"{self.path.name}.{stamp}"
        os.rename(self.path, target)
        if gap:
            gap()
        self._open()
        return target

    def _rotated(self):
        return [path for path in self.folder.glob(f"{self.path.name}.*")
                if not path.name.endswith(".tmp")]

    @staticmethod
    def _compress(path):
        temporary = path.with_name(path.name + ".tmp")
        with open(path, "rb") as source, gzip.open(temporary, "wb") as target:
            target.write(source.read())
        os.rename(temporary, path.with_name(path.name + ".gz"))
        path.unlink()

    def restart(self):
        """The container starts anew: <n+1>.log and a new link; the old ones stay for a while."""
        self.restarts += 1
        self._open()
        self._link()

    def delete(self):
        """The pod is deleted: the link and the folder go; nobody writes any more."""
        os.close(self._descriptor)
        self._descriptor = None
        self.link.unlink()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
        if not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()
