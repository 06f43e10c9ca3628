"""Log lines as real services write them."""
import json


def pino(number, level=30, message="request completed", **fields):
    """A line of a Node service that logs with pino; `number` makes it unique."""
    return json.dumps({"level": level, "time": 1767322445000 + number, "pid": 17,
                       "hostname": "web-0", "reqId": f"req-{number:06d}",
                       "userId": f"u{number % 97}", **fields, "msg": message},
                      separators=(",", ":"))


def nginx(number):
    return (f'10.0.{number % 256}.7 - - [02/Jan/2026:03:04:05 +0000] '
            f'"GET /item/{number} HTTP/1.1" 200 {number % 5000} "-" "curl/8.5"')


def klog(number):
    return (f'I0102 03:04:05.{number % 1_000_000:06d}       1 controller.go:{number}] '
            f'"Synced" n={number}')


def java_trace(number, frames=400):
    """A stack trace in one line, long enough to be cut into partials."""
    trace = "\\n".join(f"\\tat com.example.shop.Order{i}.place(Order{i}.java:{i})"
                       for i in range(frames))
    return f"java.lang.IllegalStateException: order {number}\\n{trace}"
