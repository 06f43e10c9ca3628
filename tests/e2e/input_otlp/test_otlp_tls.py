"""OTLP over TLS, in and out, with certificates on both sides."""
import http.client
import random
import socket
import ssl

import grpc
import pytest
from grpc import StatusCode

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import export
from harness.grpc_otlp import Client, FakeGrpcOtlp
from harness.tls import make_certificates


@pytest.fixture
def certificates(tmp_path):
    return make_certificates(tmp_path / "tls")


def request_of(signal="traces", count=20):
    return wire.make_request(signal, 0, count, random.Random(1))


def server_tls(certificates, clients_too=True):
    options = {"cert_file": str(certificates.certificate), "key_file": str(certificates.key)}
    return {**options, "client_ca_file": str(certificates.ca)} if clients_too else options


def client_credentials(certificates, has_certificate=True):
    ca, certificate, key = (path.read_bytes() for path in certificates)
    return (grpc.ssl_channel_credentials(ca, key, certificate) if has_certificate
            else grpc.ssl_channel_credentials(ca))


@pytest.mark.parametrize("clients_too", [False, True])
def test_grpc_over_tls(agents, otlp, certificates, clients_too):
    config = otlp_chain(otlp)
    config["inputs"]["in"] = {"type": "otlp", "grpc": {
        "listen": "127.0.0.1:0", "tls": server_tls(certificates, clients_too)}}
    port = agents(config).start().listen_ports()[0]
    with Client(port, client_credentials(certificates)) as client:
        assert client.export("traces", request_of()).code == StatusCode.OK
    assert otlp.stored["traces"] == wire.records("traces", request_of())
    with Client(port, client_credentials(certificates, has_certificate=False)) as client:
        code = client.export("traces", request_of()).code
    assert code == (StatusCode.UNAVAILABLE if clients_too else StatusCode.OK)
    with Client(port) as client:
        assert client.export("traces", request_of()).code == StatusCode.UNAVAILABLE


def post_tls(port, context, request):
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("POST", "/v1/traces", request.SerializeToString(),
                           {"Content-Type": wire.PROTOBUF})
        return connection.getresponse().status
    finally:
        connection.close()


def test_http_over_tls_asks_for_a_certificate(agents, otlp, certificates):
    agent = agents(otlp_chain(otlp, http={"tls": server_tls(certificates)})).start()
    port = agent.listen_ports()[0]
    context = ssl.create_default_context(cafile=str(certificates.ca))
    with socket.create_connection(("127.0.0.1", port)) as probe:
        probe_port = probe.getsockname()[1]
    with pytest.raises(OSError):
        post_tls(port, context, request_of())
    agent.wait_log(r"127\.0\.0\.1:\d+ connected to a TLS server .* no certificate of an authority")
    assert f":{probe_port} connected" not in agent.log()
    context.load_cert_chain(certificates.certificate, certificates.key)
    assert post_tls(port, context, request_of()) == 200
    assert otlp.stored["traces"] == wire.records("traces", request_of())


@pytest.mark.parametrize("knows_us", [True, False])
def test_grpc_out_over_tls(agents, certificates, tmp_path, knows_us):
    """A server that wants our certificate; one whose certificate we cannot trust gets nothing."""
    ca, certificate, key = (path.read_bytes() for path in certificates)
    server = FakeGrpcOtlp(grpc.ssl_server_credentials([(key, certificate)], ca, True))
    other = make_certificates(tmp_path / "other")
    try:
        agent = agents(otlp_chain(server.url, output={"protocol": "grpc", "tls_config": {
            "ca_file": str((certificates if knows_us else other).ca),
            "cert_file": str(certificates.certificate),
            "key_file": str(certificates.key)}})).start()
        assert export(agent.listen_ports()[0], "logs", request_of("logs")).status == 200
        if knows_us:
            assert server.stored["logs"] == wire.records("logs", request_of("logs"))
        else:  # it lies in the spool
            assert agent.ledger_total("waiting") == 20 and not server.requests
    finally:
        server.close()
