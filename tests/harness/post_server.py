"""The HTTP server of fakes that take bodies."""
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *where):
        if not isinstance(sys.exc_info()[1], OSError):  # else a client that was killed
            super().handle_error(*where)


class PostServer:
    """Calls serve(handler) for each POST, on a port of its own; each connection has a thread."""

    def __init__(self, serve):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                serve(self)

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def send_answer(handler, status, headers, body=b""):
    """The client may have gone, which is fine."""
    try:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if status != 204:
            handler.wfile.write(body)
    except OSError:
        handler.close_connection = True
