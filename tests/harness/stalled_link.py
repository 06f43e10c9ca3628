"""A network that carries so many bytes to a server, and then no more; answers pass."""
import socket
import threading


class StalledLink:
    """A port of its own before `port`. Of each connection only the first `limit` bytes pass on."""

    def __init__(self, port, limit):
        self._to, self._limit = port, limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in [self._listener, *self._sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself
            one.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [near, far]
            for source, target, limit in ((near, far, self._limit), (far, near, None)):
                threading.Thread(target=self._carry, args=(source, target, limit),
                                 daemon=True).start()

    @staticmethod
    def _carry(source, target, limit):
        try:
            while data := source.recv(65536):
                passed = data if limit is None else data[:limit]
                limit = None if limit is None else limit - len(passed)
                target.sendall(passed)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has gone
