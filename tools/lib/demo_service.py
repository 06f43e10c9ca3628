"""A small service that logs as pino does: JSON on stdout, a few plain lines on stderr."""
import json
import os
import random
import sys
import time

NAMES = {20: "cache miss", 30: "request completed", 40: "slow upstream", 50: "payment failed"}


def pino_line(rng, number, name):
    level = rng.choices((20, 30, 40, 50), (8, 80, 8, 4))[0]
    row = {"level": level, "time": int(time.time() * 1000), "pid": os.getpid(), "hostname": name,
           "reqId": f"{name}-{number:07d}", "userId": f"u{rng.randint(1, 500)}",
           "req": {"method": "GET", "url": f"/api/items/{rng.randint(1, 9999)}"},
           "responseTime": rng.randint(1, 400), "msg": NAMES[level]}
    if number % 400 == 399:  # a line so long that the container runtime cuts it into pieces
        row["err"] = {"stack": [f"at handler{i} (/srv/app.js:{i}:7)" for i in range(800)]}
    return json.dumps(row, separators=(",", ":"))


def main(name, rate):
    rng = random.Random(name)
    start = time.monotonic()
    number = 0
    while True:
        due = int((time.monotonic() - start) * rate)
        while number < due:
            if number % 50 == 49:
                print(f"{name} warning {number}: deprecated call", file=sys.stderr)
            else:
                print(pino_line(rng, number, name))
            number += 1
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(0.02)


if __name__ == "__main__":
    try:
        main(sys.argv[1], float(sys.argv[2]))
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(0)
