"""What fake receivers of OTLP have in common, whatever they are reached by."""
import threading

from harness import otlp_wire as wire
from harness.waiting import wait_until


class OtlpStore:
    """Stores in memory, and answers what the test wants. Thread-safe.

    `behave(answer)`: a function of (number of the request, signal, request) that gives None (store
    and answer well), a response message (likewise), or a refusal, when nothing is stored.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.requests, self.complaints = [], []
        self.stored = {signal: [] for signal in wire.PATHS}
        self.hangs = threading.Event()
        self._behaviour = None

    def behave(self, answer):
        self._behaviour = answer

    def heal(self):
        self._behaviour = None
        self.hangs.clear()

    def wait_records(self, signal, count, timeout=20):
        wait_until(lambda: len(self.stored[signal]) >= count,
                   lambda: f"{count} {signal} came ({len(self.stored[signal])} did); "
                           f"{self.complaints[:3]}", timeout)
