"""What a request looks like."""
from pathlib import Path

import pytest

from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.faults import Hang, Status
from harness.lines import pino
from harness.tls import TlsProxy, make_certificates
from harness.waiting import settle, wait_until


def test_headers_and_format(agents, loki, node):
    lines = node.container().write_many(3)
    agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(lines)
    headers = {name.lower(): value for name, value in loki.requests[0].headers.items()}
    assert headers["content-type"] == "application/x-protobuf"
    assert headers.get("content-encoding", "snappy") == "snappy"
    assert "tailrace" in headers["user-agent"]
    assert "x-scope-orgid" not in headers


def test_external_labels_are_added_and_labels_are_sorted(agents, loki, node):
    log = node.container()
    log.write("one")
    agents(tail_to_loki(node.glob, loki,
                        output={"labels": {"cluster": "lab \"1\"", "zone": "a\\b"}})).start()
    wait_until(lambda: loki.count() == 1, "the line came")
    assert loki.labels() == [{**log.labels(), "cluster": 'lab "1"', "zone": "a\\b"}]
    assert not loki.complaints


def test_a_fixed_tenant(agents, loki, node):
    loki.require_tenant = True
    lines = node.container().write_many(3)
    agents(tail_to_loki(node.glob, loki, output={"tenant": "team-a"})).start()
    loki.wait_lines(lines)
    assert {entry.tenant for entry in loki.unique()} == {"team-a"}


def test_a_tenant_by_label(agents, loki, node):
    one = node.container(namespace="red").write_many(5)
    two = node.container(namespace="blue").write_many(5)
    agents(tail_to_loki(node.glob, loki, output={"tenant_label": "namespace"})).start()
    loki.wait_lines(one + two)
    assert set(loki.lines("red")) == set(one) and set(loki.lines("blue")) == set(two)


@pytest.mark.parametrize("fault", [Status(429, retry_after=60), Status(429), Hang()],
                         ids=["429 with Retry-After", "429", "hang"])
def test_one_tenant_in_trouble_holds_up_no_other(agents, loki, node, fault):
    red, blue = node.container(namespace="red"), node.container(namespace="blue")
    loki.behave(fault, tenant="red")
    agent = agents(tail_to_loki(node.glob, loki, output={"tenant_label": "namespace",
                                                         "timeout": "2s"})).start()
    held = red.write_many(50)
    lines = []
    for _ in range(5):
        lines += blue.write_many(100)
        held += red.write_many(20)
        loki.wait_lines(lines, timeout=10)
    assert not loki.lines("red")
    if not isinstance(fault, Status) or fault.retry_after is None:
        loki.heal()
        loki.wait_lines(lines + held)
        agent.wait_settled()


def test_compression_none_is_snappy_of_literals(agents, loki, node):
    lines = node.container().write_many(2000)
    agents(tail_to_loki(node.glob, loki, output={"compression": "none"})).start()
    loki.wait_lines(lines)
    loki.assert_exactly(lines)
    assert sum(r.size for r in loki.requests) > sum(len(line) for line in lines)


def test_entries_of_a_stream_come_in_order_over_retries(agents, loki, node):
    log = node.container()
    loki.behave(Status(503), times=2)
    agent = agents(tail_to_loki(node.glob, loki,
                                output={"batch": {"bytes": "4KiB", "linger": "50ms"}})).start()
    lines = []
    for turn in range(10):
        lines += log.write_many(200)
        if turn % 3 == 0:
            loki.behave(Status(500), times=1)
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_ordered()
    assert [entry.line.decode() for entry in loki.unique()] == lines


def test_a_request_is_not_larger_than_batch_bytes(agents, loki, node):
    log = node.container()
    lines = log.write_many(5000)
    agents(tail_to_loki(node.glob, loki, output={"compression": "none",
                                                 "batch": {"bytes": "64KiB"}})).start()
    loki.wait_lines(lines)
    assert max(r.size for r in loki.requests) < 70 * 1024
    assert len(loki.requests) < 60


def test_linger_bounds_the_delay_of_a_lonely_line(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki, output={"batch": {"linger": "300ms"}})).start()
    settle(lambda: agent.ledger_total("taken"), quiet=0.3)
    log.write("alone")
    wait_until(lambda: loki.count() == 1, "the line came", timeout=2)


def test_severity_and_metadata_ride_along(agents, loki, node):
    log = node.container()
    log.write(pino(1, level=50, message="boom"))
    processors = {"app": {"type": "json", "metadata": {"user": "userId"}}}
    agents(tail_to_loki(node.glob, loki, processors=processors)).start()
    wait_until(lambda: loki.count() == 1, "the line came")
    metadata = dict(loki.unique()[0].metadata)
    assert metadata.pop("user") == "u1"
    assert "error" in metadata.values(), metadata


def test_basic_authentication_and_extra_headers(agents, loki, node, tmp_path):
    (tmp_path / "password").write_text("s3cret\n")
    lines = node.container().write_many(2)
    agent = agents(tail_to_loki(node.glob, loki, output={
        "basic_auth": {"username": "me", "password_file": str(tmp_path / "password")},
        "headers": {"X-Extra": "1"}})).start()
    loki.wait_lines(lines)
    headers = {name.lower(): value for name, value in loki.requests[0].headers.items()}
    assert headers["authorization"] == "Basic bWU6czNjcmV0"
    assert headers["x-extra"] == "1"
    assert "s3cret" not in agent.log()


def test_a_bearer_token_from_the_environment_is_sent_and_never_printed(agents, loki, node):
    lines = node.container().write_many(2)
    agent = agents(tail_to_loki(node.glob, loki, output={
        "authorization": {"credentials": "${env:LOKI_TOKEN}"}}))
    agent.env["LOKI_TOKEN"] = "t0k3n"
    agent.start()
    loki.wait_lines(lines)
    headers = {name.lower(): value for name, value in loki.requests[0].headers.items()}
    assert headers["authorization"] == "Bearer t0k3n"
    assert "t0k3n" not in agent.log()


def test_tls_with_a_ca_of_its_own(agents, loki, node, tmp_path):
    certificates = make_certificates(tmp_path / "tls")
    with TlsProxy(loki.port, certificates) as proxy:
        lines = node.container().write_many(20)
        agents(pipeline({"files": tail(node.glob)}, {"loki": loki_output(
            f"https://localhost:{proxy.port}/loki/api/v1/push",
            tls_config={"ca_file": str(certificates.ca)})})).start()
        loki.wait_lines(lines)


def test_tls_of_an_unknown_ca_is_refused_and_nothing_is_lost(agents, loki, node, tmp_path):
    certificates = make_certificates(tmp_path / "tls")
    with TlsProxy(loki.port, certificates) as proxy:
        lines = node.container().write_many(20)
        agent = agents(pipeline({"files": tail(node.glob)}, {"loki": loki_output(
            f"https://localhost:{proxy.port}/loki/api/v1/push")})).start()
        agent.wait_log("(?i)certificate|tls|ssl")
        assert loki.count() == 0
        wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())


def test_a_connection_is_kept_alive(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = []
    for _ in range(10):
        lines += log.write_many(10)
        loki.wait_lines(lines)
    assert len(connections_to(loki.port)) <= 2
    agent.stop()


def connections_to(port):
    """Established TCP connections over IPv4 to a local port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"]
