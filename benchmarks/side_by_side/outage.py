#!/usr/bin/env python3
"""One output is dead for a while, the other is well: delay and rate of the healthy one, RSS, and
how fast the dead one catches up (at least 20 x the live rate)."""
import argparse
import sys
import tempfile
import time
from pathlib import Path

import agents
from live import TOP, Tailrace, Writer, verdict
from measure import Sink, status_field


def config(links, sick, well, state):
    made = agents.tailrace_config(links, well.address, state)
    made["outputs"] = {"well": made["outputs"]["loki"], "sick": {
        "type": "loki", "url": f"http://{sick.address}/loki/api/v1/push", "timeout": "5s",
        "buffer": {"memory": "8MiB", "disk": "4GiB"}}}
    made["pipelines"]["logs"]["outputs"] = ["well", "sick"]
    return made


def watch(writer, agent, well, seconds, rate):
    """Writes for a while; (lines/s and p99 delay of the healthy output, RSS samples in MiB)."""
    rss = []
    well.stats(reset=True)
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        writer.write_for(1, rate)
        rss.append(status_field(agent.process.pid, "VmRSS") / 1024)
    stats = well.stats()
    return stats["lines"] / (time.monotonic() - start), stats["p99_s"], rss


def catch_up(sick, writer):
    """(seconds until the first request comes, which is the pause between two tries; seconds from
    there until the sick one has everything; lines/s from there on)"""
    before = sick.ask("ok")["lines"]
    start = time.monotonic()
    first, had = None, before
    while (lines := sick.stats()["lines"]) < writer.count:
        if first is None and lines > before:
            first, had = time.monotonic(), lines
        if time.monotonic() - start > 600:
            raise SystemExit(f"no end after 600 s: {lines} of {writer.count}")
        time.sleep(0.005)
    first = first or start  # all came between two looks
    seconds = time.monotonic() - first
    return first - start, seconds, (writer.count - had) / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=TOP / "build/release")
    parser.add_argument("--seconds", type=int, default=120, help="how long it is dead")
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--fault", choices=("503", "hang"), default="503")
    parser.add_argument("--place", default="/dev/shm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tailrace-outage-", dir=options.place) as folder:
        folder = Path(folder)
        sick, well = (Sink(options.build, decode=True) for _ in range(2))
        writer = Writer(folder / "node", files=10)
        agent = Tailrace(options.build, config(writer.links, sick, well, folder / "agent/state"),
                         folder / "agent")
        try:
            writer.write_for(5, options.rate)
            calm = min(60, options.seconds)
            rate, p99, _ = watch(writer, agent, well, calm, options.rate)
            sick.ask(f"fail/{options.fault}")
            dead_rate, dead_p99, rss = watch(writer, agent, well, options.seconds, options.rate)
            pause, seconds, speed = catch_up(sick, writer)
        finally:
            agent.stop()
            sick.close()
            well.close()
    half = rss[len(rss) // 2:]
    growth = half[-1] - half[0]
    print(f"{options.rate} lines/s; one of two outputs answers {options.fault} for "
          f"{options.seconds} s")
    print(f"  healthy output before: {rate:.0f} lines/s, p99 {p99:.3f} s; meanwhile: "
          f"{dead_rate:.0f} lines/s, p99 {dead_p99:.3f} s")
    fine_rate, fine_delay = dead_rate >= 0.95 * rate, dead_p99 <= 1.05 * p99
    print(f"  rate kept within 5 %: {'ok' if fine_rate else 'MISSED'}; "
          f"p99 within 5 %: {'ok' if fine_delay else 'MISSED'}")
    print(f"  RSS at most {max(rss):.1f} MiB (limit 64: {verdict(max(rss), 64)}), "
          f"{growth:+.1f} MiB over the second half")
    fine_speed = speed >= 20 * options.rate
    print(f"  catch-up: {pause:.1f} s until the next try, then {seconds:.1f} s at {speed:.0f} "
          f"lines/s, {speed / options.rate:.1f} x the live rate "
          f"(at least 20: {'ok' if fine_speed else 'MISSED'})")
    return 0 if fine_rate and fine_delay and max(rss) < 64 and fine_speed else 1


if __name__ == "__main__":
    sys.exit(main())
