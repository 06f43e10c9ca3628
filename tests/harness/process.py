"""What /proc tells of a process."""
import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def memory_kib(pid):
    """{"rss", "anonymous", "peak"} in KiB."""
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.split()[0] if value.split() else "0"
    return {"rss": int(fields["VmRSS"]), "anonymous": int(fields["RssAnon"]),
            "peak": int(fields["VmHWM"])}


def cpu_seconds(pid):
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def open_descriptors(pid):
    return {link.name: os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()
            if link.is_symlink()}


def children(pid):
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]
