"""A thread that writes container logs of every shape at a rate, and remembers what it wrote."""
import random
import threading

from harness.kubelet import PIECE
from harness.lines import java_trace, klog, nginx, pino
from harness.waiting import pace


class Writer:
    """Appends to several containers' logs; every line is different.

    About one line in `partial_every` is long or written in pieces, on either stream. `rotate_every`
    lines of a container it is rotated as the kubelet does.
    """

    def __init__(self, logs, rate=2000, seed=1, partial_every=50, rotate_every=None):
        self.logs, self.rate = logs, rate
        self.partial_every, self.rotate_every = partial_every, rotate_every
        self.lines = []
        self._rng = random.Random(seed)
        self._stop = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stops and returns everything that was written."""
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error
        return self.lines

    def _run(self):
        try:
            for number in pace(self.rate):
                if self._stop.is_set():
                    return
                self._write(number)
        except Exception as error:  # shown by stop(), in the test's own thread
            self._error = error

    def _write(self, number):
        log = self.logs[number % len(self.logs)]
        stream = "stderr" if number % 7 == 0 else "stdout"
        prefix = f"{log.name} {number:07d} "
        if number % self.partial_every == self.partial_every - 1:
            self._write_in_pieces(log, prefix, number, stream)
        else:
            text = prefix + self._rng.choice((pino, nginx, klog))(number)
            log.write(text, stream)
            self.lines.append(text)
        if self.rotate_every and log.written % self.rotate_every == self.rotate_every - 1:
            log.written += 1
            log.rotate()

    def _write_in_pieces(self, log, prefix, number, stream):
        if number % 2:
            text = prefix + java_trace(number, frames=self._rng.randint(300, 900))
            log.write(text, stream)
        else:  # short pieces, as CRI-O writes them, with a rotation perhaps in their midst
            pieces = [prefix] + [f"piece {i} " * self._rng.randint(1, 200) for i in range(4)]
            pieces = [piece[:PIECE] for piece in pieces]
            for piece in pieces[:-1]:
                log.write_piece(piece, stream)
            log.write_piece(pieces[-1], stream, tag="F")
            log.written += 1
            text = "".join(pieces)
        self.lines.append(text)
