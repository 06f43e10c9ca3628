"""A corpus of mixed CRI logs: deterministic, laid out as the kubelet does.

By lines: 40 % JSON as pino writes it, nginx, klog, logfmt, and Java traces, a few of them as one
long line that the runtime cut into partials.
"""
import random
from datetime import datetime, timezone
from pathlib import Path

PIECE = 16384
POOL = 20_000  # distinct lines of each kind
START = 1_767_322_445
VERBS = ("GET", "POST", "PUT", "DELETE")
PATHS = ("/api/cart", "/api/orders", "/api/items/{}", "/healthz", "/api/users/{}/profile")
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
          "kube-probe/1.30", "Go-http-client/2.0")
WORDS = ("order", "payment", "cart", "reconcile", "lease", "retry", "timeout", "upstream", "cache",
         "session", "token", "shipment", "inventory", "created", "updated", "failed", "completed")


def hexadecimal(rng, digits):
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


def sentence(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def pino(rng, number):
    level = rng.choices((20, 30, 40, 50), (10, 78, 8, 4))[0]
    path = rng.choice(PATHS).format(rng.randint(1, 99999))
    return (f'{{"level":{level},"time":{START}{rng.randint(0, 999):03d},"pid":17,'
            f'"hostname":"shop-{hexadecimal(rng, 10)}-{hexadecimal(rng, 5)}",'
            f'"reqId":"{hexadecimal(rng, 16)}","userId":"u{rng.randint(1, 50000)}",'
            f'"req":{{"method":"{rng.choice(VERBS)}","url":"{path}"}},'
            f'"responseTime":{rng.randint(1, 900)},"msg":"{sentence(rng, 2, 6)}"}}')


def nginx(rng, number):
    path = rng.choice(PATHS).format(rng.randint(1, 99999))
    return (f'10.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)} - - '
            f'[02/Jan/2026:03:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d} +0000] '
            f'"{rng.choice(VERBS)} {path} HTTP/1.1" {rng.choice((200, 200, 200, 304, 404, 500))} '
            f'{rng.randint(0, 50000)} "https://shop.example.com/" "{rng.choice(AGENTS)}"')


def klog(rng, number):
    return (f'{rng.choice("IIIIWE")}0102 03:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}.'
            f'{rng.randint(0, 999999):06d}       1 {rng.choice(WORDS)}_controller.go:'
            f'{rng.randint(20, 900)}] "{sentence(rng, 2, 5)}" pod="shop/{rng.choice(WORDS)}-'
            f'{hexadecimal(rng, 10)}" duration="{rng.randint(1, 5000)}ms"')


def logfmt(rng, number):
    return (f'ts=2026-01-02T03:04:{rng.randint(0, 59):02d}.{rng.randint(0, 999):03d}Z '
            f'level={rng.choice(("info", "info", "debug", "warn"))} component={rng.choice(WORDS)} '
            f'caller=main.go:{rng.randint(10, 999)} trace_id={hexadecimal(rng, 32)} '
            f'msg="{sentence(rng, 3, 9)}" took={rng.randint(1, 9999)}us')


def java_frame(rng, number):
    return (f'\tat com.example.{rng.choice(WORDS)}.{rng.choice(WORDS).title()}Service.'
            f'{rng.choice(WORDS)}({rng.choice(WORDS).title()}Service.java:{rng.randint(10, 900)})')


def java_long(rng, number):
    frames = "\\n".join(java_frame(rng, number) for _ in range(rng.randint(170, 420)))
    return f"java.lang.IllegalStateException: {sentence(rng, 3, 6)}\\n{frames}"


KINDS = ((pino, 40.0, "stdout"), (nginx, 22.0, "stdout"), (klog, 14.0, "stderr"),
         (logfmt, 16.0, "stdout"), (java_frame, 7.99, "stderr"), (java_long, 0.01, "stderr"))


def cri_parts(stream, text):
    """What follows the time stamp of each line: one, or several partials."""
    parts = []
    while len(text) > PIECE:
        parts.append(f" {stream} P {text[:PIECE]}\n")
        text = text[PIECE:]
    return [*parts, f" {stream} F {text}\n"]


def make_pool(rng):
    """Per kind, lines ready but for their time."""
    pools = []
    for make, _, stream in KINDS:
        count = POOL if make is not java_long else 50
        pools.append([cri_parts(stream, make(rng, i)) for i in range(count)])
    return pools


def write_file(path, rng, pools, size):
    """About `size` bytes; returns (bytes, CRI lines, records)."""
    weights = [weight for _, weight, _ in KINDS]
    nanoseconds = START * 1_000_000_000 + rng.randint(0, 10 ** 9)
    written = lines = records = 0
    second, stamp = None, ""
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        while written < size:
            chunk = []
            for pool in rng.choices(pools, weights, k=1000):
                for part in pool[int(rng.random() * len(pool))]:
                    nanoseconds += 250_123
                    if nanoseconds // 1_000_000_000 != second:
                        second = nanoseconds // 1_000_000_000
                        stamp = datetime.fromtimestamp(second, timezone.utc).strftime(
                            "%Y-%m-%dT%H:%M:%S.")
                    chunk.append(f"{stamp}{nanoseconds % 1_000_000_000:09d}Z{part}")
                    lines += 1
                records += 1
            text = "".join(chunk)
            file.write(text)
            written += len(text)
    return written, lines, records


class Corpus:
    """Files under `root`; made once, and used again while the parameters are the same."""

    def __init__(self, root, size=1 << 30, files=10):
        self.root = Path(root) / f"tailrace-corpus-{size >> 20}m-{files}"
        self.size, self.count = size, files
        self.note = self.root / "complete"

    @property
    def links(self):
        return self.root / "var/log/containers"

    @property
    def paths(self):
        return sorted(str(path) for path in self.root.glob("var/log/pods/*/*/0.log"))

    def make(self):
        if self.note.exists():
            self.bytes, self.lines, self.records = map(int, self.note.read_text().split())
            return self
        rng = random.Random(20260102)
        pools = make_pool(rng)
        totals = [0, 0, 0]
        self.links.mkdir(parents=True, exist_ok=True)
        for i in range(self.count):
            uid = hexadecimal(rng, 32)
            folder = self.root / f"var/log/pods/shop_app-{i}_{uid}/main"
            folder.mkdir(parents=True, exist_ok=True)
            link = self.links / f"app-{i}_shop_main-{hexadecimal(rng, 64)}.log"
            link.unlink(missing_ok=True)
            link.symlink_to(folder / "0.log")
            for j, value in enumerate(write_file(folder / "0.log", rng, pools,
                                                 self.size // self.count)):
                totals[j] += value
        self.bytes, self.lines, self.records = totals
        self.note.write_text(" ".join(map(str, totals)))
        return self
