#!/usr/bin/env python3
"""CPU microseconds per sample and RSS, from scrape to remote write: the floor program, tailrace,
and the peers that are on PATH (prometheus in agent mode, vmagent).

All scrape the same page server over keep-alive and write to the same kind of sink, in turns,
`--repeat` times; medians are shown. Only steady work counts: each runs `--warm-up` seconds first.
Build first: `tools/test --only build`, or `ninja -C build/release`.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml

from measure import Sink, cpu_seconds, status_field

TOP = Path(__file__).resolve().parents[2]
REPORTS_PER_SCRAPE = 5  # up, scrape_duration_seconds and so on


@dataclass
class Case:
    name: str
    targets: int
    series: int
    changed: int
    interval: str = ""  # "" = as --interval says
    seconds: float = 0  # as --seconds

    @property
    def samples(self):
        return self.targets * self.series


CASES = [Case("50 x 400", 50, 400, 100), Case("50 x 400, 50 % changed", 50, 400, 50),
         Case("50 x 400, unchanged", 50, 400, 0), Case("20,000", 1, 20_000, 100),
         Case("20,000, 50 % changed", 1, 20_000, 50), Case("20,000, unchanged", 1, 20_000, 0),
         Case("200,000", 1, 200_000, 100), Case("200,000, unchanged", 1, 200_000, 0),
         Case("1,000,000", 1, 1_000_000, 100, "10s", 20)]


class PageServer:
    def __init__(self, build, case):
        self.process = subprocess.Popen(
            [str(build / "benchmarks/page_server"), "--series", str(case.series), "--changed",
             str(case.changed)], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.port = int(self.address.rpartition(":")[2])

    def scrapes(self):
        with urllib.request.urlopen(f"http://{self.address}/stats", timeout=60) as answer:
            return json.load(answer)["scrapes"]

    def targets(self, count):
        """Each has an address of its own in 127/8; the server listens on all."""
        return [f"127.1.{i // 250}.{i % 250 + 1}:{self.port}" for i in range(count)]

    def close(self):
        self.process.kill()
        self.process.wait()


def scrape_config(pages, case):
    return [{"job_name": "bench", "static_configs": [{"targets": pages.targets(case.targets)}]}]


def tailrace(build, folder, pages, sink, case, interval):
    config = {
        "agent": {"state_dir": str(folder / "state"), "memory_limit": "2GiB",
                  "admin": {"listen": ""}},
        "inputs": {"scrape": {"type": "prometheus_scrape",
                              "global": {"scrape_interval": interval, "scrape_timeout": interval},
                              "scrape_configs": scrape_config(pages, case)}},
        "outputs": {"out": {"type": "prometheus_remote_write",
                            "url": f"http://{sink.address}/api/v1/write"}},
        "pipelines": {"p": {"inputs": ["scrape"], "outputs": ["out"]}}}
    path = folder / "tailrace.yaml"
    path.write_text(yaml.safe_dump(config))
    (folder / "state").mkdir()
    return [str(build / "src/cli/tailrace"), "run", "--config", str(path)]


def floor(build, folder, pages, sink, case, interval):
    milliseconds = int(float(interval.rstrip("s")) * 1000)
    return [str(build / "benchmarks/metrics_floor"), "--page", pages.address, "--sink",
            sink.address, "--targets", str(case.targets), "--interval-ms", str(milliseconds)]


def prometheus(build, folder, pages, sink, case, interval):
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump({
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": scrape_config(pages, case),
        "remote_write": [{"url": f"http://{sink.address}/api/v1/write",
                          "metadata_config": {"send": False}}]}))
    return ["prometheus", "--enable-feature=agent", f"--config.file={path}",
            f"--storage.agent.path={folder}/wal", "--web.listen-address=127.0.0.1:0",
            "--log.level=error"]


def vmagent(build, folder, pages, sink, case, interval):
    path = folder / "vmagent.yaml"
    path.write_text(yaml.safe_dump({
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": scrape_config(pages, case)}))
    return ["vmagent", f"-promscrape.config={path}",
            f"-remoteWrite.url=http://{sink.address}/api/v1/write", "-httpListenAddr=127.0.0.1:0",
            f"-remoteWrite.tmpDataPath={folder}/queue", "-remoteWrite.forcePromProto",
            "-promscrape.maxScrapeSize=1GB"]


def agents():
    yield "floor", floor
    yield "tailrace", tailrace
    for name, command in (("prometheus", prometheus), ("vmagent", vmagent)):
        if shutil.which(name):
            yield name, command


@dataclass
class Cost:
    microseconds: float  # CPU per sample
    rss_kib: int


def measure(name, command, options, case):
    """Runs one agent on one case and returns its Cost."""
    build = Path(options.build).resolve()
    interval = case.interval or options.interval
    pages, sink = PageServer(build, case), Sink(build)
    folder = Path(tempfile.mkdtemp(prefix="tailrace-metrics-"))
    try:
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                command(build, folder, pages, sink, case, interval), stdout=log,
                stderr=log)
        time.sleep(max(options.warm_up, case.seconds))
        if process.poll() is not None:
            raise SystemExit(f"{name} ended:\n{(folder / 'log').read_text()[-3000:]}")
        scrapes, cpu = pages.scrapes(), cpu_seconds(process.pid)
        sent = sink.stats()["bytes"]
        time.sleep(case.seconds or options.seconds)
        cpu = cpu_seconds(process.pid) - cpu
        scrapes = pages.scrapes() - scrapes
        rss = status_field(process.pid, "VmRSS")
        if scrapes == 0 or sink.stats()["bytes"] == sent:
            raise SystemExit(f"{name} scraped or sent nothing:\n"
                             + (folder / "log").read_text(errors="replace")[-3000:])
        per_scrape = case.series + (0 if name == "floor" else REPORTS_PER_SCRAPE)
        return Cost(cpu * 1e6 / (scrapes * per_scrape), rss)
    finally:
        process.kill()
        process.wait()
        pages.close()
        sink.close()
        shutil.rmtree(folder, ignore_errors=True)


def is_meant(case, name):
    is_one = any(other.name == name for other in CASES)
    return case.name == name if is_one else case.name.startswith(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(TOP / "build/release"))
    parser.add_argument("--interval", default="1s")
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--case", action="append", help="only the case of this name, or those that begin so")
    parser.add_argument("--only", action="append", help="only these agents")
    options = parser.parse_args()
    for case in CASES:
        if options.case and not any(is_meant(case, name) for name in options.case):
            continue
        print(f"\n{case.name}: {case.targets} target(s) with {case.series} series, "
              f"{case.changed} % of the values change, every {case.interval or options.interval}")
        costs = {}
        for _ in range(options.repeat):
            for name, command in agents():
                if options.only and name not in options.only:
                    continue
                costs.setdefault(name, []).append(measure(name, command, options, case))
        base = costs.get("floor")
        print(f"{'':<12}{'us CPU/sample':>14}{'x floor':>9}{'RSS MiB':>9}{'MiB/M series':>14}")
        for name, runs in costs.items():
            cpu = statistics.median(run.microseconds for run in runs)
            ratio = (statistics.median(a.microseconds / b.microseconds
                                       for a, b in zip(runs, base) if b.microseconds)
                     if base else float("nan"))
            rss = statistics.median(run.rss_kib for run in runs) / 1024
            print(f"{name:<12}{cpu:>14.3f}{ratio:>9.2f}{rss:>9.1f}"
                  f"{rss * 1e6 / case.samples:>14.0f}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
