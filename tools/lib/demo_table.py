"""What the demo shows while it runs: a refreshing table on a terminal, plain lines elsewhere."""
import sys
import time


class Rates:
    """Differences of counters between two looks at an agent."""

    def __init__(self, agent):
        self.agent = agent
        self.last = None

    def look(self):
        """A row of numbers, or None while the agent does not answer."""
        if not self.agent.running():
            self.last = None
            return None
        try:
            metrics = self.agent.metrics()
            waiting = self.agent.ledger_total("waiting")
            now = {"at": time.monotonic(), "pid": self.agent.process.pid, "cpu": self.agent.cpu(),
                   "in": metrics.total("tailrace_input_records_total"),
                   "bytes": metrics.total("tailrace_input_bytes_total"),
                   "out": metrics.total("tailrace_output_delivered_records_total"),
                   "retries": metrics.total("tailrace_output_retries_total")}
            memory = self.agent.memory()["rss"] / 1024
        except (AssertionError, OSError, ValueError):
            return None
        before, self.last = self.last, now
        if before is None or before["pid"] != now["pid"]:
            return None
        seconds = now["at"] - before["at"]
        per_second = {key: (now[key] - before[key]) / seconds for key in ("in", "bytes", "out")}
        return {**per_second, "total": now["out"], "waiting": waiting, "retries": now["retries"],
                "cpu": 100 * (now["cpu"] - before["cpu"]) / seconds, "rss": memory}


HEADER = (f"{'':<10}{'lines/s in':>12}{'KiB/s in':>10}{'lines/s out':>12}{'delivered':>11}"
          f"{'waiting':>9}{'retries':>9}{'CPU %':>7}{'RSS MiB':>9}")


def row(name, rates):
    if rates is None:
        return f"{name:<10}{'(not running, or just started)':>40}"
    return (f"{name:<10}{rates['in']:>12.0f}{rates['bytes'] / 1024:>10.0f}{rates['out']:>12.0f}"
            f"{rates['total']:>11.0f}{rates['waiting']:>9.0f}{rates['retries']:>9.0f}"
            f"{rates['cpu']:>7.1f}{rates['rss']:>9.1f}")


class Table:
    """Rows for the sender and the receiver."""

    def __init__(self, sender, receiver, service):
        self.service = service
        self.rates = [("sender", Rates(sender)), ("receiver", Rates(receiver))]
        self.live = sys.stdout.isatty()
        self.drawn = 0
        self.start = time.monotonic()

    def show(self):
        passed = time.monotonic() - self.start
        lines = [f"{passed:5.0f} s   the service has written {self.service.count} lines, "
                 f"{self.service.rotations} rotations", HEADER]
        lines += [row(name, rates.look()) for name, rates in self.rates]
        if self.live and self.drawn:
            sys.stdout.write(f"\x1b[{self.drawn}A")
        for line in lines if self.live or not self.drawn else [lines[0], *lines[2:]]:
            sys.stdout.write(("\x1b[2K" if self.live else "") + line + "\n")
        sys.stdout.flush()
        self.drawn = len(lines)

    def say(self, text):
        """A line of its own; the table goes on below it."""
        print(text, flush=True)
        self.drawn = 0 if self.live else self.drawn
