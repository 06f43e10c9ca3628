#!/usr/bin/env python3
"""CPU seconds per GiB, max RSS and ratios: tailrace, the floor program, and peers on PATH.

All read the same corpus, in turns, `--repeat` times, into the same kind of sink; medians are shown.
Build first: `tools/test --only build`, or `ninja -C build/release`.
"""
import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import agents
from corpus import Corpus
from measure import Sink, run

TOP = Path(__file__).resolve().parents[2]
GIB = 1 << 30


class Bench:
    """One corpus in one place, one sink, and the costs of everything that ran."""

    def __init__(self, options, corpus, sink):
        self.options, self.corpus, self.sink = options, corpus, sink
        self.build = Path(options.build).resolve()
        self.scratch = Path(tempfile.mkdtemp(prefix="tailrace-bench-", dir=corpus.root.parent))
        self.costs = {}

    def floor(self, *extra):
        files = self.corpus.paths
        command = [str(self.build / "benchmarks/floor")]
        command += [] if "--bare" in extra else ["--sink", self.sink.address]
        return run([*command, *extra, *files], self.scratch / "floor.log")

    def tailrace(self, **options):
        folder = self.scratch / "tailrace"
        config = agents.tailrace_config(self.corpus.links, self.sink.address, folder / "state",
                                        **options)
        path = agents.write_config(config, folder)
        return run([str(self.build / "src/cli/tailrace"), "run", "--once", "--config", str(path)],
                   self.scratch / "tailrace.log")

    def peer(self, name):
        """Peers do not end by themselves: they have read all when the sink gets no more."""
        command = agents.peer_command(name, self.corpus.links, self.sink.address,
                                      self.scratch / name)
        quiet = QuietSink(self.sink)
        return run(command, self.scratch / f"{name}.log", stop_when=quiet)

    def measure(self, name, function):
        cost = function()
        self.costs.setdefault(name, []).append(cost)
        print(f"  {name}: {cost.cpu_s:.2f} CPU-s, {cost.wall_s:.2f} s, "
              f"{cost.rss_kib / 1024:.1f} MiB", flush=True)

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def median(self, name, field="cpu_s"):
        return statistics.median(getattr(cost, field) for cost in self.costs[name])

    def ratio(self, name, base, field="cpu_s"):
        """Median of the ratios of runs that followed each other."""
        pairs = zip(self.costs[name], self.costs[base])
        return statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs)


class QuietSink:
    """True once the sink has had nothing new for three seconds, after having had something."""

    def __init__(self, sink):
        self.sink, self.last, self.calls = sink, sink.stats()["bytes"], 0
        self.start = self.last

    def __call__(self, pid):
        now = self.sink.stats()["bytes"]
        self.calls = 0 if now != self.last else self.calls + 1
        self.last = now
        return now > self.start and self.calls > 60


def cases(bench):
    """(name, function) in the order of one round."""
    yield "bare snappy", lambda: bench.floor("--bare")
    yield "floor", bench.floor
    yield "tailrace", bench.tailrace
    yield "tailrace json", lambda: bench.tailrace(json=True)
    yield "floor none", lambda: bench.floor("--none")
    yield "tailrace none", lambda: bench.tailrace(compression="none")
    yield "floor json", lambda: bench.floor("--json")
    if bench.options.lanes:
        yield "floor 2 threads", lambda: bench.floor("--threads", "2")
        yield "tailrace 2 lanes", lambda: bench.tailrace(lanes=2)
    for name in agents.peers_on_path():
        yield name, lambda name=name: bench.peer(name)


def check_complete(options, corpus):
    """One untimed run into a sink that decodes: every record must come."""
    sink = Sink(Path(options.build), decode=True)
    bench = Bench(options, corpus, sink)
    try:
        bench.tailrace()
        stats = sink.stats()
    finally:
        bench.close()
        sink.close()
    if stats["lines"] != corpus.records or stats["undecodable"]:
        raise SystemExit(f"the sink got {stats['lines']} records of {corpus.records}: {stats}")
    print(f"complete: all {corpus.records} records arrive")


def report(bench, place):
    gib = bench.corpus.bytes / GIB
    print(f"\n{place}: {gib:.2f} GiB, {bench.corpus.lines} CRI lines, medians of "
          f"{bench.options.repeat}")
    print(f"{'':<20}{'CPU-s/GiB':>10}{'MiB/CPU-s':>11}{'wall s':>8}{'max RSS MiB':>13}")
    for name in bench.costs:
        cpu = bench.median(name) / gib
        print(f"{name:<20}{cpu:>10.3f}{1024 / cpu:>11.0f}{bench.median(name, 'wall_s'):>8.2f}"
              f"{bench.median(name, 'rss_kib') / 1024:>13.1f}")
    targets = [("floor", "bare snappy", 1.2), ("tailrace", "floor", 1.25),
               ("tailrace json", "floor", 1.5), ("tailrace none", "floor none", 2.0)]
    missed = 0
    for name, base, limit in targets:
        if name in bench.costs and base in bench.costs:
            ratio = bench.ratio(name, base)
            missed += ratio > limit
            print(f"{name} / {base}: {ratio:.3f} (at most {limit}) "
                  f"{'ok' if ratio <= limit else 'MISSED'}")
    if "tailrace 2 lanes" in bench.costs:
        ours = bench.ratio("tailrace", "tailrace 2 lanes", "wall_s")
        floors = bench.ratio("floor", "floor 2 threads", "wall_s")
        missed += ours < 0.9 * floors
        print(f"two lanes: {ours:.2f} x as fast as one; floor threads: {floors:.2f} x; "
              f"{ours / floors:.2f} (at least 0.9) {'ok' if ours >= 0.9 * floors else 'MISSED'}")
    peak = max(max(cost.rss_kib for cost in costs) for name, costs in bench.costs.items()
               if name.startswith("tailrace")) / 1024 if "tailrace" in bench.costs else 0
    if peak:
        missed += peak > 40
        print(f"tailrace's max RSS: {peak:.1f} MiB (at most 40) {'ok' if peak <= 40 else 'MISSED'}")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=str(TOP / "build/release"))
    parser.add_argument("--place", action="append",
                        help="where the corpus lies (default: /dev/shm); may be given twice")
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", action="append", metavar="WORD", help="cases with this word")
    parser.add_argument("--no-lanes", dest="lanes", action="store_false")
    parser.add_argument("--no-check", dest="check", action="store_false")
    options = parser.parse_args()
    missed = 0
    for place in options.place or ["/dev/shm"]:
        corpus = Corpus(place, options.size_mib << 20).make()
        if options.check:
            check_complete(options, corpus)
        sink = Sink(Path(options.build))
        bench = Bench(options, corpus, sink)
        try:
            for turn in range(options.repeat):
                print(f"round {turn + 1} of {options.repeat} in {place}")
                for name, function in cases(bench):
                    if not options.only or any(word in name for word in options.only):
                        bench.measure(name, function)
            missed += report(bench, place)
        finally:
            bench.close()
            sink.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
