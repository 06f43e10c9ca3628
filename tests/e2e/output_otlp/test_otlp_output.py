"""The output for OTLP over HTTP: requests, answers, endpoints."""
import random

import pytest
import yaml

from harness import otlp_wire as wire
from harness.agent import run_tool
from harness.configs import otlp_chain
from harness.fake_otlp import FakeOtlp, export
from harness.waiting import holds_for, wait_until

SIGNALS = list(wire.PATHS)


def request_of(signal="traces", first=0, count=20, **options):
    return wire.make_request(signal, first, count, random.Random(1), **options)


@pytest.fixture
def second_otlp():
    server = FakeOtlp()
    yield server
    server.close()


def start(agents, otlp, **options):
    agent = agents(otlp_chain(otlp, **options)).start()
    agent.port = agent.listen_ports()[0]
    return agent


@pytest.mark.parametrize("compression, encoding", [("none", None), ("gzip", "gzip"),
                                                   ("zstd", "zstd")])
@pytest.mark.parametrize("signal", SIGNALS)
def test_two_agents_in_a_row(agents, otlp, signal, compression, encoding):
    """Sent equals received through otlp -> otlp -> otlp, field by field."""
    last = start(agents, otlp, output={"compression": compression})
    first = agents(otlp_chain(f"http://127.0.0.1:{last.port}", output={
        "compression": compression}), "first").start()
    request = request_of(signal, count=40)
    assert export(first.listen_ports()[0], signal, request).status == 200
    assert otlp.stored[signal] == wire.records(signal, request)
    assert otlp.requests[0].headers.get("content-encoding") == encoding
    assert not otlp.complaints


def test_each_signal_may_have_its_endpoint(agents, otlp, second_otlp):
    agent = start(agents, otlp, output={"logs_endpoint": second_otlp.url + "/v1/logs",
                                        "headers": {"X-Scope-OrgID": "team-a"}})
    for signal in SIGNALS:
        assert export(agent.port, signal, request_of(signal)).status == 200
    assert [len(otlp.stored[s]) for s in SIGNALS] == [20, 0, 20]
    assert [len(second_otlp.stored[s]) for s in SIGNALS] == [0, 20, 0]
    assert all(seen.headers["x-scope-orgid"] == "team-a" for seen in otlp.requests)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_is_tried_again(agents, otlp, status):
    otlp.behave(lambda number, *_: (status, {"Retry-After": "0"}, b"") if number <= 3 else None)
    agent = start(agents, otlp)
    assert export(agent.port, "traces", request_of()).status == 200
    otlp.wait_records("traces", 20)
    assert [seen.status for seen in otlp.requests] == [status] * 3 + [200]


def test_retry_after_is_heeded(agents, otlp):
    otlp.behave(lambda number, *_: (503, {"Retry-After": "2"}, b"") if number == 1 else None)
    agent = start(agents, otlp)
    assert export(agent.port, "traces", request_of()).status == 200
    holds_for(lambda: len(otlp.requests) < 2, "it waits", 0.5)
    otlp.wait_records("traces", 20)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 500, 501, 505])
def test_what_is_final(agents, otlp, status):
    answer = wire.rpc.Status(code=3, message="never")
    otlp.behave(lambda *_: (status, {"Content-Type": wire.PROTOBUF}, answer.SerializeToString()))
    agent = start(agents, otlp)
    assert export(agent.port, "traces", request_of()).status == 400
    assert len(otlp.requests) == 1
    assert agent.ledger_total("refused") == 20
    assert "never" in agent.log()


def test_a_warning_of_the_server_is_told(agents, otlp):
    told = wire.RESPONSES["traces"]()
    told.partial_success.error_message = "please use another attribute"
    otlp.behave(lambda *_: told)
    agent = start(agents, otlp)
    answer = export(agent.port, "traces", request_of())
    assert answer.status == 200 and answer.body == b""
    assert agent.ledger_total("delivered") == 20
    wait_until(lambda: "please use another attribute" in agent.log(), "it is logged")


def test_too_large_requests_are_taken_apart_down_to_a_record(agents, otlp):
    def limit(number, signal, request):
        return (413, {}, b"") if request.ByteSize() > 1500 else None
    otlp.behave(limit)
    agent = start(agents, otlp)
    requests = {signal: request_of(signal, count=30) for signal in SIGNALS}
    huge = requests["traces"].resource_spans[0].scope_spans[0].spans[0]
    huge.name = "x" * 2000
    for signal in SIGNALS:
        answer = export(agent.port, signal, requests[signal])
        assert answer.status == 200
        rejected = getattr(answer.response(signal).partial_success, wire.REJECTED[signal])
        assert rejected == (1 if signal == "traces" else 0)
    for signal in SIGNALS:
        sent = [record for record in wire.records(signal, requests[signal])
                if len(record[-1]) < 1000]
        assert sorted(otlp.stored[signal]) == sorted(sent)
    assert agent.ledger_total("refused") == 1


def test_a_web_page_is_no_success(agents, otlp):
    page = (200, {"Content-Type": "text/html"}, b"<html>log in</html>")
    otlp.behave(lambda number, *_: page)
    agent = start(agents, otlp)
    assert export(agent.port, "traces", request_of()).status == 200, "it is spooled"
    assert agent.ledger_total("waiting") == 20
    assert "web page" in agent.log()


def test_requests_are_merged_and_kept_below_the_batch_size(agents, otlp):
    agent = start(agents, otlp, input={"ack": "accepted"},
                  output={"batch": {"bytes": "20KiB", "linger": "300ms"}, "compression": "none"})
    for i in range(20):
        request = request_of(first=i * 20)
        assert export(agent.port, "traces", request).status == 200
    otlp.wait_records("traces", 400)
    sizes = [len(seen.body) for seen in otlp.requests]
    assert len(sizes) < 12 and max(sizes) <= 20 * 1024, sizes


@pytest.mark.parametrize("options, wrong", [
    ({}, "endpoint is missing"),
    ({"endpoint": "tempo:4317"}, "endpoint"),
    ({"endpoint": "http://tempo:4318/v1/traces"}, "is put behind it anyway"),
    ({"endpoint": "http://tempo:4318", "compression": "snappy"}, "snappy"),
])
def test_bad_options(tmp_path, options, wrong):
    config = otlp_chain("http://x", output=options)
    if "endpoint" not in options:
        del config["outputs"]["out"]["endpoint"]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    checked = run_tool("check", "--config", path)
    assert checked.returncode != 0 and wrong in checked.stdout + checked.stderr
