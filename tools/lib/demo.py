"""The demo: real logs -> tailrace -> (Loki's push API) -> tailrace -> a file, with a kill -9.

The sender tails this machine's own logs and those of a small service, which lie and rotate as the
kubelet has it. Half-way it is killed with -9 and started again. At the end what arrived is
compared with what was written, line by line.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from harness.agent import Agent  # noqa: E402
from lib.builds import BuildFailed, agent_binary, build_agent  # noqa: E402
from lib.demo_logs import Service, SystemLogs  # noqa: E402
from lib.demo_table import Table  # noqa: E402
from lib.tree import TOP  # noqa: E402

FOLDER = TOP / ".demo"
DOWN_SECONDS = 2


def receiver_config(path):
    return {
        "inputs": {"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
        "outputs": {"file": {"type": "file", "path": str(path), "format": "json",
                             "batch": {"linger": "100ms"}}},
        "pipelines": {"logs": {"inputs": ["push"], "outputs": ["file"]}},
    }


def sender_config(system, node, port):
    """`system` may be empty: then there are only the pods."""
    inputs = {"pods": {"type": "tail", "include": [node.glob], "format": "cri"}}
    if system:
        inputs["system"] = {"type": "tail", "include": [str(path) for path in system],
                            "format": "raw"}
    pipelines = {"pods": {"inputs": ["pods"], "processors": ["app_json"], "outputs": ["loki"]}}
    if system:
        pipelines["system"] = {"inputs": ["system"], "outputs": ["loki"]}
    return {
        "inputs": inputs,
        "processors": {"app_json": {"type": "json", "metadata": {"req_id": "reqId",
                                                                 "user": "userId"}}},
        "outputs": {"loki": {"type": "loki",
                             "url": f"http://127.0.0.1:{port}/loki/api/v1/push"}},
        "pipelines": pipelines,
    }


def admin_url(agent):
    return f"http://127.0.0.1:{agent.admin_port()}/"


class Received:
    """What the receiving tailrace wrote: JSON lines in a file and its rotated predecessors."""

    def __init__(self, folder):
        self.path = folder / "logs.jsonl"

    def read(self):
        """({line: in how many different records it came}, how many records were exact repeats)"""
        lines, records, total = Counter(), set(), 0
        for path in sorted(self.path.parent.glob(self.path.name + "*")):
            with open(path, encoding="utf-8") as file:
                for text in file:
                    total += 1
                    if text not in records:
                        records.add(text)
                        lines[json.loads(text)["line"].rstrip("\r")] += 1
        return lines, total - len(records)


class Demo:
    def __init__(self, options):
        self.options = options
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        self.received = Received(FOLDER / "received")
        self.service = self.sender = self.receiver = None

    def start(self):
        system = SystemLogs(FOLDER / "system").find()
        self.system = system
        shown = ", ".join(str(path) for path in system.paths[:5])
        print(f"real input: {len(system.paths)} log files of this machine, {len(system.lines())} "
              f"different lines: {shown}{' …' if len(system.paths) > 5 else ''}")
        self.receiver = Agent(FOLDER, receiver_config(self.received.path), "receiver").start()
        self.service = Service(FOLDER / "node", self.options.rate)
        port = self.receiver.listen_ports()[0]
        self.sender = Agent(FOLDER, sender_config(system.paths, self.service.node, port), "sender")
        self.sender.start()
        print(f"and a service that logs JSON into {self.service.node.links}")
        print(f"admin pages: sender {admin_url(self.sender)}, "
              f"receiver {admin_url(self.receiver)}\n", flush=True)

    def watch(self):
        """Shows rates until the time is over; kills the sender half-way."""
        table = Table(self.sender, self.receiver, self.service)
        start = time.monotonic()
        killed = False
        while time.monotonic() - start < self.options.seconds:
            time.sleep(1)
            self.service.check()
            table.show()
            if not killed and time.monotonic() - start >= self.options.seconds / 2:
                killed = True
                table.say("\nkill -9 to the sender, while the service writes on …")
                self.sender.kill()
                time.sleep(DOWN_SECONDS)
                self.sender.start()
                table.say(f"… and it runs again: {admin_url(self.sender)}\n")

    def finish(self):
        """Stops writing, waits until all has arrived, compares. Returns the exit status."""
        self.service.stop()
        ours, system = self.service.lines(), self.system.lines()
        self.sender.wait_settled(timeout=120)
        self.receiver.wait_settled(timeout=120)
        books = [agent.assert_ledger_closed() for agent in (self.sender, self.receiver)]
        self.sender.stop()
        self.receiver.stop()
        arrived, repeats = self.received.read()
        lost = (ours | system) - arrived.keys()
        changed = [line for line in ours if arrived[line] > 1]
        print(f"\nwritten: {len(ours)} different lines by the service ({self.service.rotations} "
              f"rotations), {len(system)} in this machine's logs")
        print(f"arrived: {len((ours | system) & arrived.keys())} of them; {repeats} records "
              f"came again, byte-identical, which Loki shows once")
        print(f"ledgers: {'both close' if all(book['balanced'] for book in books) else 'OPEN'}")
        if lost:
            print(f"demo: FAILED: {len(lost)} lines were lost, for example {sorted(lost)[:3]}")
            return 1
        if changed:
            print(f"demo: FAILED: {len(changed)} lines came twice and not alike: {changed[:3]}")
            return 1
        print("demo: no line was lost, over a kill -9 of the sender")
        return 0

    def close(self):
        if self.service:
            self.service.stop()
        for agent in (self.sender, self.receiver):
            if agent and agent.running():
                agent.kill()


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to watch (default 60)")
    parser.add_argument("--rate", type=int, default=600, help="lines/s of the service")
    options = parser.parse_args()
    os.chdir(TOP)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print("building tailrace (release) …", flush=True)
        build_agent("release")
        os.environ["TAILRACE_BINARY"] = str(TOP / agent_binary("release"))
    except BuildFailed as failure:
        print(f"demo: {failure}")
        return 1
    demo = Demo(options)
    try:
        demo.start()
        demo.watch()
        return demo.finish()
    except AssertionError as failure:
        print(f"demo: FAILED: {failure}")
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 130
    finally:
        demo.close()


if __name__ == "__main__":
    sys.exit(main())
