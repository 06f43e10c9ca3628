"""What a fake server can do instead of answering well. See FakeLoki.behave()."""
import socket
import struct
import threading


class Status:
    """Stores nothing and answers with a status."""

    def __init__(self, status, retry_after=None, body=b"told to"):
        self.status, self.retry_after, self.body = status, retry_after, body

    def serve(self, exchange):
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        exchange.answer(self.status, headers, self.body)


class StoreThen:
    """Stores everything, and then does something else: what a replay must survive."""

    def __init__(self, fault):
        self.fault = fault

    def serve(self, exchange):
        exchange.store()
        self.fault.serve(exchange)


class Refuse:
    """Answers 400 as Loki does: entries that `refuses(entry)` names are dropped, others stored."""

    def __init__(self, refuses):
        self.refuses = refuses

    def serve(self, exchange):
        bad = exchange.store(keep=lambda entry: not self.refuses(entry))
        if bad:
            exchange.answer(400, {}, f"{bad} entries refused: too far behind".encode())
        else:
            exchange.answer(204)


class RefuseWhole:
    """Answers 400 to any request with an entry that `refuses(entry)` names, and stores nothing."""

    def __init__(self, refuses):
        self.refuses = refuses

    def serve(self, exchange):
        if any(self.refuses(entry) for entry in exchange.entries()):
            exchange.answer(400, {}, b"refused as a whole")
        else:
            exchange.store()
            exchange.answer(204)


class TooLarge:
    """Answers 413 to bodies over a size (of the decompressed body)."""

    def __init__(self, limit):
        self.limit = limit

    def serve(self, exchange):
        if exchange.uncompressed_size() > self.limit:
            exchange.answer(413, {}, b"too large")
        else:
            exchange.store()
            exchange.answer(204)


class Hang:
    """Answers nothing until heal() or the client goes away."""

    def serve(self, exchange):
        exchange.hang()


class Reset:
    """Resets the connection after the request was read."""

    def serve(self, exchange):
        linger_zero = struct.pack("ii", 1, 0)
        exchange.socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        exchange.drop()


class CloseMidAnswer:
    """Announces an answer of 100 bytes, sends 10, and closes."""

    def __init__(self, status=200):
        self.status = status

    def serve(self, exchange):
        exchange.socket().sendall(
            f"HTTP/1.1 {self.status} Cut\r\nContent-Length: 100\r\n\r\n0123456789".encode())
        exchange.drop()


class CloseMidBody:
    """Reads half of the request's body and closes. Served before the body is read."""

    before_body = True

    def serve(self, exchange):
        exchange.read_half()
        exchange.drop()


class Slow:
    """Answers well, after a while (a fault that is no fault)."""

    def __init__(self, seconds):
        self.seconds = seconds

    def serve(self, exchange):
        threading.Event().wait(self.seconds)
        exchange.store()
        exchange.answer(204)
