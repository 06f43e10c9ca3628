"""A running agent tells its targets, as Prometheus does."""
import http.server
import json
import threading

import pytest

from harness.agent import run_tool
from harness.waiting import wait_until


@pytest.fixture
def exporter():
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"a 1\nb 2\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def agent(agents, exporter, tmp_path):
    (tmp_path / "targets.json").write_text(json.dumps(
        [{"targets": ["127.0.0.1:1"], "labels": {"env": "prod"}}]))
    job = {"job_name": "node", "scrape_interval": "500ms", "scrape_timeout": "400ms",
           "static_configs": [{"targets": [exporter, "drop-me:1"]}],
           "file_sd_configs": [{"files": [f"{tmp_path}/targets.json"]}],
           "relabel_configs": [{"source_labels": ["__address__"], "regex": "drop.*",
                                "action": "drop"}]}
    return agents({
        "inputs": {"scrape": {"type": "prometheus_scrape", "scrape_configs": [job]}},
        "outputs": {"out": {"type": "null"}},
        "pipelines": {"metrics": {"signal": "metrics", "inputs": ["scrape"], "outputs": ["out"]}},
    }).start()


def targets(agent, query=""):
    status, body = agent.get("/api/v1/targets" + query)
    assert status == 200
    answer = json.loads(body)
    assert answer["status"] == "success"
    return answer["data"]


def wait_scraped(agent):
    def scraped():
        active = targets(agent)["activeTargets"]
        return sorted(t["health"] for t in active) == ["down", "up"] and active
    return {t["health"]: t for t in wait_until(scraped, "both targets were scraped")}


def test_the_api_has_prometheus_shape(agent, exporter, tmp_path):
    by_health = wait_scraped(agent)
    up, down = by_health["up"], by_health["down"]
    assert up["labels"] == {"instance": exporter, "job": "node"}
    assert up["discoveredLabels"]["__address__"] == exporter
    assert up["scrapeUrl"] == f"http://{exporter}/metrics"
    assert up["scrapeInterval"] == "500ms" and up["scrapeTimeout"] == "400ms"
    assert up["lastError"] == "" and up["lastSamples"] == 2
    assert down["labels"]["env"] == "prod" and down["lastError"]
    assert down["discoveredLabels"]["__meta_filepath"] == f"{tmp_path}/targets.json"
    data = targets(agent)
    assert [t["discoveredLabels"]["__address__"] for t in data["droppedTargets"]] == ["drop-me:1"]
    assert data["droppedTargetCounts"] == {"node": 1}
    assert targets(agent, "?state=dropped")["activeTargets"] == []
    assert targets(agent, "?scrapePool=nobody")["activeTargets"] == []


def test_the_command_shows_them(agent, exporter):
    wait_scraped(agent)
    admin = f"127.0.0.1:{agent.admin_port()}"
    done = run_tool("targets", "--admin", admin, "--dropped")
    assert done.returncode == 0, done.stderr
    assert "job node: 1 of 2 up, 1 dropped" in done.stdout
    assert f"  up       http://{exporter}/metrics" in done.stdout
    assert "2 samples" in done.stdout and "error: " in done.stdout
    assert f'labels: instance="{exporter}" job="node"' in done.stdout
    assert '__address__="drop-me:1"' in done.stdout
    done = run_tool("targets", "--admin", f"http://{admin}/", "--job", "nobody")
    assert (done.returncode, done.stdout) == (0, "no targets\n")
    done = run_tool("targets", "--admin", admin, "--json")
    assert json.loads(done.stdout)["status"] == "success"


def test_no_agent_there():
    done = run_tool("targets", "--admin", "127.0.0.1:1")
    assert done.returncode == 1 and "http://127.0.0.1:1/api/v1/targets" in done.stderr
