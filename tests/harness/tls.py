"""TLS for tests: certificates made by openssl, and a proxy that adds TLS to a plain server."""
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple


class Certificates(NamedTuple):
    ca: Path
    certificate: Path
    key: Path


def make_certificates(folder, name="localhost"):
    """A CA of its own and a server certificate for `name`."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
    names = folder / "names"
    names.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=test ca")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
            "-out", certificate, "-days", "2", "-extfile", names)
    return Certificates(ca, certificate, key)


class TlsProxy:
    """Accepts TLS on a port of its own and passes the plain bytes to 127.0.0.1:`port`."""

    def __init__(self, port, certificates):
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.certificate, certificates.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            secure = self._context.wrap_socket(client, server_side=True)
            plain = socket.create_connection(("127.0.0.1", self._target))
        except (OSError, ssl.SSLError):
            client.close()
            return
        back = threading.Thread(target=self._pump, args=(plain, secure), daemon=True)
        back.start()
        self._pump(secure, plain)
        back.join()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
