"""The admin port: it tells everything, shows no log content, and changes nothing."""
import http.client
import socket

import pytest

from harness.configs import pipeline, tail, tail_to_loki
from harness.faults import Status
from harness.waiting import wait_until

PATHS = ["/", "/metrics", "/healthz", "/readyz", "/api/v1/files", "/api/v1/ledger",
         "/api/v1/status", "/api/v1/targets"]


@pytest.fixture
def agent(agents, loki, node):
    node.container().write("a very secret line")
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.wait_lines(["a very secret line"])
    agent.wait_settled()
    return agent


@pytest.mark.parametrize("path", PATHS)
def test_every_page_answers_and_shows_no_log_content(agent, path):
    status, body = agent.get(path)
    assert status == 200
    assert "very secret" not in body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_page_takes_anything(agent, path, method):
    connection = http.client.HTTPConnection("127.0.0.1", agent.admin_port(), timeout=10)
    connection.request(method, path, b"x" * 100)
    assert connection.getresponse().status in (404, 405)
    connection.close()
    assert agent.get("/healthz")[0] == 200


def test_unknown_pages_are_404(agent):
    assert agent.get("/nothing/here")[0] == 404
    assert agent.get("/api/v1/../../etc/passwd")[0] in (400, 404)


def test_metrics_follow_prometheus_rules(agent):
    metrics = agent.metrics()
    ours = {name for name in metrics.names() if name.startswith("tailrace_")}
    assert ours and ours | {n for n in metrics.names() if n.startswith("process_")} \
        == metrics.names()
    for name, kind in metrics.types.items():
        assert metrics.helps.get(name), f"{name} has no HELP"
        assert (kind == "counter") == name.endswith("_total") or name.startswith("process_"), name
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes",
                 "process_start_time_seconds", "process_open_fds"):
        assert metrics.values(name), f"{name} is missing"
    assert metrics.values("tailrace_build_info") == [1.0]


def test_metrics_of_components_carry_who_they_are(agent):
    metrics = agent.metrics()
    kinds = {labels["component_kind"] for _, labels, _ in metrics.samples
             if "component_kind" in labels}
    assert {"input", "output"} <= kinds
    for _, labels, _ in metrics.samples:
        if "component_kind" in labels:
            assert labels.get("component") and labels.get("type"), labels


def test_series_do_not_grow_with_files(agents, loki, tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.log").write_text("x\n")
    agent = agents(tail_to_loki(tmp_path / "*.log", loki, input={"format": "raw"})).start()
    agent.wait_settled()
    few = len(agent.metrics().samples)
    for i in range(5, 500):
        (tmp_path / f"{i}.log").write_text("x\n")
    wait_until(lambda: len(agent.files()["files"]) == 500, "all files are known")
    agent.wait_settled()
    assert len(agent.metrics().samples) <= few + 5


def test_files_tell_position_size_and_what_waits(agents, loki, node):
    log = node.container()
    loki.behave(Status(503))
    log.write_many(100)
    agent = agents(tail_to_loki(node.glob, loki)).start()
    wait_until(lambda: agent.ledger_total("waiting") == 100, "all lines wait")
    [row] = agent.files()["files"]
    assert row["size"] == row["position"] == log.path.stat().st_size
    assert row["settled"] < row["size"] and row["waiting_bytes"] > 0
    loki.heal()
    agent.wait_settled()
    [row] = agent.files()["files"]
    assert row["settled"] == row["size"] and row["waiting_bytes"] == 0


def test_the_ledger_counts_records_and_bytes(agent, node):
    [cell] = agent.ledger()["cells"]
    assert (cell["input"], cell["pipeline"], cell["output"]) == ("files", "logs", "loki")
    assert cell["taken"]["records"] == cell["delivered"]["records"] == 1
    assert cell["taken"]["bytes"] == cell["delivered"]["bytes"] > len("a very secret line")


def test_status_tells_version_state_and_what_is_behind(agent):
    status = agent.api("/api/v1/status")
    assert status["version"].startswith("0.") and status["state"] == "running"
    assert (status["lanes"], status["sources"], status["lag_bytes"]) == (1, 1, 0)
    assert status["complaints"] == []


def test_metrics_count_what_happened(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    loki.behave(Status(500), times=2)
    lines = log.write_many(50)
    loki.wait_lines(lines)
    agent.wait_settled()
    metrics = agent.metrics()
    assert metrics.total("tailrace_input_records_total", component="files") == 50
    assert metrics.total("tailrace_output_delivered_records_total", component="loki") == 50
    assert metrics.total("tailrace_output_retries_total", component="loki") >= 2
    assert metrics.total("tailrace_ledger_errors_total") == 0


def test_the_admin_port_can_be_turned_off(agents, loki, node):
    agent = agents(tail_to_loki(node.glob, loki, agent={"admin": {"listen": ""}}))
    lines = node.container().write_many(2)
    agent.start(ready=False)
    loki.wait_lines(lines)
    assert agent.admin_port() is None


def test_slow_and_broken_clients_do_no_harm(agent):
    sockets = []
    for start in (b"", b"GET /met", b"\x00\xff\x16\x03\x01", b"GET /metrics HTTP/1.1\r\n" * 1000):
        for _ in range(10):
            client = socket.create_connection(("127.0.0.1", agent.admin_port()))
            client.sendall(start)
            sockets.append(client)
    assert agent.get("/healthz")[0] == 200
    for client in sockets:
        client.close()
    assert agent.get("/metrics")[0] == 200


def test_not_ready_while_it_stops(agents, loki, node):
    lines = node.container().write_many(10)
    loki.behave(Status(503))
    agent = agents(tail_to_loki(node.glob, loki, agent={"shutdown_grace": "5s"})).start()
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), "the lines wait")
    agent.terminate()
    wait_until(lambda: agent.get("/readyz")[0] in (503, None), "it is not ready any more")
    loki.heal()
    assert agent.wait_exit() == 0
    loki.wait_lines(lines)


def test_an_input_that_reads_nothing_is_ready_all_the_same(agents, tmp_path):
    agent = agents(pipeline({"files": tail(tmp_path / "none-*.log")},
                            {"nowhere": {"type": "null"}})).start()
    assert agent.get("/readyz")[0] == 200
