#!/usr/bin/env python3
"""Spans per CPU-second through OTLP over HTTP or gRPC, the same way in and out: the floor program
(HTTP: receive, copy, send; gRPC: a bare relay of ByteBuffers), tailrace as it is, with attributes
added, with half of the traces sampled away, and with `ack: accepted`, and the peers that are on PATH
(otelcol or otelcol-contrib; over HTTP fluent-bit).

Who is compared with whom: the floor, tailrace by default and otelcol without a queue answer a client
when the sink has answered them. fluent-bit, otelcol with its queue (its default) and tailrace with
`ack: accepted` answer when they have checked a request, and send later.

All take the same clients' requests (`--connections`, `--spans` a request, 344 bytes a span) and send
to the same sink, in turns, `--repeat` times; medians are shown. Build first: `tools/test --only
build`, or `ninja -C build/release`.
"""
import argparse
import functools
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from measure import Sink, cpu_seconds, status_field

TOP = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class GrpcSink:
    """Answers OK; counts nothing."""

    def __init__(self, build):
        self.process = subprocess.Popen([str(build / "benchmarks/otlp_grpc"), "sink"],
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def stats(self, reset=False):
        return {"requests": float("nan")}

    def close(self):
        self.process.kill()
        self.process.wait()


def floor(build, folder, sink, port, options):
    if options.transport == "grpc":
        return [str(build / "benchmarks/otlp_grpc"), "relay", "--to", sink.address]
    return [str(build / "benchmarks/otlp_floor"), "--sink", sink.address]


def tailrace(build, folder, sink, port, options, processors=None, ack="settled"):
    path = folder / "tailrace.yaml"
    path.write_text(yaml.safe_dump({
        "agent": {"state_dir": str(folder / "state"), "memory_limit": "256MiB",
                  "admin": {"listen": ""}},
        "inputs": {"in": {"type": "otlp", options.transport: {"listen": f"127.0.0.1:{port}"},
                          "ack": ack}},
        "outputs": {"out": {"type": "otlp", "endpoint": f"http://{sink.address}",
                            "protocol": options.transport, "compression": options.compression}},
        "processors": processors or {},
        "pipelines": {"p": {"signal": "traces", "inputs": ["in"],
                            "processors": list(processors or {}), "outputs": ["out"]}}}))
    (folder / "state").mkdir()
    return [str(build / "src/cli/tailrace"), "run", "--config", str(path)]


PROCESSORS = {
    "+ attributes": {"where": {"type": "resource", "add": {"k8s.cluster.name": "eu-1"},
                               "rename": {"k8s.pod.name": "pod"}}},
    "+ sampling": {"fewer": {"type": "trace_filter", "sample": {"probability": 0.5}}}}


# Its defaults, but for waiting where it would refuse clients.
QUEUE = {"enabled": True, "block_on_overflow": True, "batch": {}}


def otelcol(build, folder, sink, port, options, queue=False):
    path = folder / "otelcol.yaml"
    is_grpc = options.transport == "grpc"
    exporter = {"endpoint": sink.address if is_grpc else f"http://{sink.address}",
                "compression": options.compression, "sending_queue": QUEUE if queue else {"enabled": False}}
    name = "otlp" if is_grpc else "otlphttp"
    path.write_text(yaml.safe_dump({
        "receivers": {"otlp": {"protocols": {
            options.transport: {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {name: {**exporter, "tls": {"insecure": True}} if is_grpc else exporter},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": [name]}},
                    "telemetry": {"metrics": {"level": "none"}}}}))
    return [shutil.which("otelcol") or shutil.which("otelcol-contrib"), "--config", str(path)]


def fluent_bit(build, folder, sink, port, options):
    host, _, sink_port = sink.address.rpartition(":")
    return ["fluent-bit", "-q", "-f", "1", "-i", "opentelemetry", "-p", "listen=127.0.0.1", "-p",
            f"port={port}", "-o", "opentelemetry", "-m", "*", "-p", f"host={host}", "-p",
            f"port={sink_port}", "-p", "traces_uri=/v1/traces"]


def agents(options):
    yield "floor", floor
    yield "tailrace", tailrace
    for name, processors in PROCESSORS.items():
        yield name, functools.partial(tailrace, processors=processors)
    yield "accepted", functools.partial(tailrace, ack="accepted")
    if shutil.which("otelcol") or shutil.which("otelcol-contrib"):
        yield "otelcol", otelcol
        yield "otelcol queue", functools.partial(otelcol, queue=True)
    if shutil.which("fluent-bit") and options.transport == "http":
        yield "fluent-bit", fluent_bit


# What was answered before it was sent is on its way by then: batches leave after a second.
QUEUES_EMPTY_SECONDS = 1.5


@dataclass
class Cost:
    spans: float  # per CPU-second
    wall: float   # spans per second
    merged: float  # clients' requests in one of the agent's
    rss_kib: int


def wait_for(port, process, log):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"it does not listen:\n{log.read_text(errors='replace')[-3000:]}")


def load(build, port, options, seconds):
    done = subprocess.run(
        [*([str(build / "benchmarks/otlp_grpc"), "load"] if options.transport == "grpc"
           else [str(build / "benchmarks/otlp_load")]), "--to", f"127.0.0.1:{port}", "--connections",
         str(options.connections), "--spans", str(options.spans), "--seconds", str(seconds)],
        check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(name, command, options):
    build = Path(options.build).resolve()
    sink = GrpcSink(build) if options.transport == "grpc" else Sink(build)
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="tailrace-otlp-"))
    log = folder / "log"
    try:
        with open(log, "wb") as errors:
            process = subprocess.Popen(command(build, folder, sink, port, options),
                                       stdout=subprocess.PIPE if name == "floor" else errors,
                                       stderr=errors, text=True)
        if name == "floor":
            port = int(process.stdout.readline().rpartition(":")[2])
        wait_for(port, process, log)
        load(build, port, options, 1)
        sink.stats(reset=True)
        cpu = cpu_seconds(process.pid)
        report = load(build, port, options, options.seconds)
        time.sleep(QUEUES_EMPTY_SECONDS)
        cpu = cpu_seconds(process.pid) - cpu
        if report["failed"]:
            raise SystemExit(f"{name} refused {report['failed']} requests")
        return Cost(report["spans"] / cpu, report["spans"] / report["seconds"],
                    report["requests"] / sink.stats()["requests"],
                    status_field(process.pid, "VmHWM"))
    finally:
        process.kill()
        process.wait()
        sink.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(TOP / "build/release"))
    parser.add_argument("--transport", default="http", choices=["http", "grpc"])
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--spans", type=int, default=50)
    parser.add_argument("--compression", default="none", choices=["none", "gzip", "zstd"])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", action="append", help="only these agents")
    parser.add_argument("--one-core", action="store_true",
                        help="clients, agent and sink share one core: what waking a core that sleeps "
                             "costs (much in a virtual machine) does not count")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{options.transport}, {options.connections} connections, {options.spans} spans a request, "
          f"compression {options.compression}{', on one core' if options.one_core else ''}")
    costs = {}
    for _ in range(options.repeat):
        for name, command in agents(options):
            if not options.only or name in options.only:
                costs.setdefault(name, []).append(measure(name, command, options))
    base = costs.get("floor")
    print(f"{'':<14}{'M spans/CPU-s':>14}{'x floor':>9}{'M spans/s':>11}{'merged':>8}{'RSS MiB':>9}")
    for name, runs in costs.items():
        def median(what):
            return statistics.median(what(run) for run in runs)
        ratio = (statistics.median(b.spans / a.spans for a, b in zip(runs, base))
                 if base else float("nan"))
        print(f"{name:<14}{median(lambda r: r.spans) / 1e6:>14.3f}{ratio:>9.2f}"
              f"{median(lambda r: r.wall) / 1e6:>11.3f}{median(lambda r: r.merged):>8.2f}"
              f"{median(lambda r: r.rss_kib) / 1024:>9.1f}")


if __name__ == "__main__":
    main()
