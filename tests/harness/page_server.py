"""A server of pages to scrape: many connections, and answers that no decent server gives."""
import asyncio
import threading
from typing import NamedTuple

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Seen(NamedTuple):
    path: str
    headers: dict


def page(text, content_type=TEXT, status=200, headers=None):
    """An answer with a body (text or bytes), as a behaviour."""
    body = text.encode() if isinstance(text, str) else text
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    answer = ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    async def behaviour(_, writer):
        writer.write(answer)
        await writer.drain()
        return True
    return behaviour


def changing(make, content_type=TEXT):
    """A page that is made anew for each scrape: make(number of the scrape)."""
    count = -1

    async def behaviour(seen, writer):
        nonlocal count
        count += 1
        return await page(make(count), content_type)(seen, writer)
    return behaviour


async def hang(_, writer):
    await asyncio.Event().wait()


async def _pass_time(seconds):
    try:
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
    except asyncio.TimeoutError:
        pass


def endless(line="endless_metric 1\n", content_type=TEXT):
    async def behaviour(_, writer):
        writer.write(f"HTTP/1.1 200 X\r\nContent-Type: {content_type}\r\n\r\n".encode())
        number = 0
        while True:
            number += 1000
            piece = "".join(line.replace("#N", str(number + i)) for i in range(1000))
            writer.write(piece.encode())
            await writer.drain()
    return behaviour


def drip(text, pause=0.05, content_type=TEXT):
    """One byte at a time."""
    async def behaviour(_, writer):
        head = f"HTTP/1.1 200 X\r\nContent-Length: {len(text)}\r\nContent-Type: {content_type}"
        for byte in (head + "\r\n\r\n" + text).encode():
            writer.write(bytes([byte]))
            await writer.drain()
            await _pass_time(pause)
        return True
    return behaviour


def redirect(to, status=302):
    return page("", None, status, {"Location": to})


def cut_off(text, content_type=TEXT):
    """Announces more than it sends, and closes."""
    async def behaviour(_, writer):
        writer.write((f"HTTP/1.1 200 X\r\nContent-Length: {len(text) + 10}\r\n"
                      f"Content-Type: {content_type}\r\n\r\n{text}").encode())
        await writer.drain()
        return False
    return behaviour


class PageServer:
    """Serves `pages` (path -> behaviour) on a port of its own; other paths get 404."""

    def __init__(self):
        self.pages = {}
        self.seen = []
        self.connections = 0
        self.most_open = 0
        self._open = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        def end():
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)
        self._loop.call_soon_threadsafe(end)
        self._thread.join(10)

    def count(self, path):
        return sum(1 for seen in list(self.seen) if seen.path == path)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                seen = Seen(path, headers)
                self.seen.append(seen)
                behaviour = self.pages.get(path, page("not here", "text/plain", 404))
                if not await behaviour(seen, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open -= 1
            writer.close()
