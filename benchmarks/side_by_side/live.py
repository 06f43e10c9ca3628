#!/usr/bin/env python3
"""What tailrace costs while logs trickle: 10,000 lines/s over 10 files, and 1,000 idle files.

Prints % of a core, RSS (and its anonymous part), and each line's delay to the sink.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import agents
import corpus
from measure import Sink, cpu_seconds, status_field

TOP = Path(__file__).resolve().parents[2]


class Writer:
    """Appends CRI lines at a rate, one write() a line, round-robin over the files."""

    def __init__(self, folder, files, line_bytes=250):
        rng = random.Random(7)
        self.descriptors = []
        for i in range(files):
            pod = folder / f"var/log/pods/shop_live-{i}_{i:032x}/main"
            pod.mkdir(parents=True)
            self.descriptors.append(os.open(pod / "0.log",
                                            os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        self.links = folder / "var/log/pods/*/main"
        self.pool = []
        while len(self.pool) < 5000:
            text = corpus.pino(rng, 0) if rng.random() < 0.4 else corpus.logfmt(rng, 0)
            room = line_bytes - 41 - 1
            self.pool.append(f" stdout F {text[:room] if text[0] != '{' else text}\n".encode())
        self.count = 0

    def write(self, lines):
        for _ in range(lines):
            now = time.time_ns()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1_000_000_000))
            line = b"%s.%09dZ%s" % (stamp.encode(), now % 1_000_000_000,
                                    self.pool[self.count % len(self.pool)])
            os.write(self.descriptors[self.count % len(self.descriptors)], line)
            self.count += 1

    def write_for(self, seconds, rate):
        """In steps of 10 ms."""
        start, begun = time.monotonic(), self.count
        while time.monotonic() - start < seconds:
            due = int((time.monotonic() - start) * rate) - (self.count - begun)
            self.write(due)
            time.sleep(0.01)


class Tailrace:
    def __init__(self, build, config, folder):
        path = agents.write_config(config, folder)
        self.log = open(Path(folder) / "stderr.log", "wb")
        self.process = subprocess.Popen([str(build / "src/cli/tailrace"), "run", "--config",
                                         str(path)], stderr=self.log)

    def usage(self, seconds, meanwhile=time.sleep):
        """% of a core over `seconds`."""
        before, start = cpu_seconds(self.process.pid), time.monotonic()
        meanwhile(seconds)
        if self.process.poll() is not None:
            raise SystemExit(f"tailrace ended with {self.process.returncode}")
        return 100 * (cpu_seconds(self.process.pid) - before) / (time.monotonic() - start)

    def memory(self):
        pid = self.process.pid
        return (status_field(pid, "VmHWM") / 1024, status_field(pid, "VmRSS") / 1024,
                status_field(pid, "RssAnon") / 1024)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def verdict(value, limit):
    return "ok" if value < limit else "MISSED"


def live(build, folder, seconds, rate):
    sink = Sink(build, decode=True)
    writer = Writer(folder / "node", files=10)
    config = agents.tailrace_config(writer.links, sink.address, folder / "agent/state", json=True)
    agent = Tailrace(build, config, folder / "agent")
    try:
        writer.write_for(5, rate)
        sink.stats(reset=True)
        usage = agent.usage(seconds, lambda s: writer.write_for(s, rate))
        time.sleep(3)
        stats = sink.stats()
        peak, rss, anonymous = agent.memory()
    finally:
        agent.stop()
    time.sleep(0.2)
    total = stats["lines"]
    sink.close()
    print(f"live, {rate} lines/s over 10 files for {seconds} s, JSON extraction on:")
    print(f"  {usage:.2f} % of a core (below 1.5: {verdict(usage, 1.5)})")
    print(f"  RSS {peak:.1f} MiB at most, {rss:.1f} MiB at the end, {anonymous:.1f} MiB anonymous "
          f"(below 28: {verdict(peak, 28)})")
    print(f"  delay to the sink: p50 {stats['p50_s']:.2f} s, p99 {stats['p99_s']:.2f} s, "
          f"max {stats['max_s']:.2f} s (below 2: {verdict(stats['max_s'], 2)})")
    print(f"  {total} lines came, about {int(rate * seconds)} written")
    return usage < 1.5 and peak < 28 and stats["max_s"] < 2


def idle(build, folder, seconds, files):
    sink = Sink(build)
    writer = Writer(folder / "node", files=files)
    writer.write(files)
    config = agents.tailrace_config(writer.links, sink.address, folder / "agent/state")
    agent = Tailrace(build, config, folder / "agent")
    try:
        time.sleep(10)
        usage = agent.usage(seconds)
        peak, rss, anonymous = agent.memory()
    finally:
        agent.stop()
        sink.close()
    print(f"{files} idle files for {seconds} s:")
    print(f"  {usage:.3f} % of a core (below 0.2: {verdict(usage, 0.2)})")
    print(f"  RSS {peak:.1f} MiB at most, {rss:.1f} MiB at the end, {anonymous:.1f} MiB anonymous "
          f"(below 20: {verdict(peak, 20)})")
    return usage < 0.2 and peak < 20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=TOP / "build/release")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--idle-files", type=int, default=1000)
    parser.add_argument("--place", default="/dev/shm")
    options = parser.parse_args()
    fine = True
    for case in (lambda folder: live(options.build, folder, options.seconds, options.rate),
                 lambda folder: idle(options.build, folder, options.seconds, options.idle_files)):
        with tempfile.TemporaryDirectory(prefix="tailrace-live-", dir=options.place) as folder:
            fine &= case(Path(folder))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
