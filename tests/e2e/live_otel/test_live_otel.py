"""OpenTelemetry's own SDKs as clients: each sends the same twice, to the agent and to a receiver of
OTLP beside it, and both must get the same."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import otlp_wire as wire
from harness.configs import otlp_chain
from harness.fake_otlp import FakeOtlp
from harness.grpc_otlp import FakeGrpcOtlp

pytestmark = pytest.mark.live
HERE = Path(__file__).resolve().parent
PYTHON = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http",
          "opentelemetry-exporter-otlp-proto-grpc")
NODE = ("api", "api-logs", "resources", "sdk-trace-base", "sdk-logs", "sdk-metrics",
        *(f"exporter-{signal}-otlp-{form}" for signal in ("trace", "logs", "metrics")
          for form in ("proto", "http")))


def install(command, folder):
    """Skips, with what was said, when the registry does not give the packages."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(f"{command[0]} cannot get the SDK: {done.stderr[-300:]}")


@pytest.fixture(scope="module")
def python_sdk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    install(["python3", "-m", "pip", "install", "-q", "--target", str(folder), *PYTHON], folder)
    return folder


@pytest.fixture(scope="module")
def node_sdk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    install(["npm", "install", "--no-audit", "--no-fund",
             *(f"@opentelemetry/{name}" for name in NODE)], folder)
    return folder


@pytest.fixture
def direct(request):
    server = request.param()
    yield server
    server.close()


def run(command, **env):
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def without_times(signal, record):
    """A metric is read twice, once for each receiver, at another time."""
    if signal != "metrics":
        return record
    metric = wire.metrics.Metric.FromString(record[-1])
    for kind in ("gauge", "sum", "histogram", "exponential_histogram"):
        if metric.HasField(kind):
            for point in getattr(metric, kind).data_points:
                point.ClearField("time_unix_nano")
                point.ClearField("start_time_unix_nano")
                for exemplar in getattr(point, "exemplars", []):
                    exemplar.ClearField("time_unix_nano")
    return (*record[:-1], metric.SerializeToString(deterministic=True))


def assert_equal(otlp, direct):
    assert not otlp.complaints and not direct.complaints
    for signal in wire.PATHS:
        # Metrics are read once more when the application ends.
        ours, theirs = ({without_times(signal, record) for record in server.stored[signal]}
                        for server in (otlp, direct))
        assert len(theirs) == (2 if signal == "traces" else 3), "the application sent everything"
        assert ours == theirs, signal


@pytest.mark.parametrize("transport, direct", [("http", FakeOtlp), ("grpc", FakeGrpcOtlp)],
                         indirect=["direct"])
def test_the_python_sdk(agents, otlp, direct, python_sdk, transport):
    config = otlp_chain(otlp)
    config["inputs"]["in"] = {"type": "otlp", transport: {"listen": "127.0.0.1:0"}}
    port = agents(config).start().listen_ports()[0]
    run(["python3", str(HERE / "app.py")], TRANSPORT=transport, AGENT=f"http://127.0.0.1:{port}",
        DIRECT=f"http://127.0.0.1:{direct.port}", PYTHONPATH=str(python_sdk))
    assert_equal(otlp, direct)


@pytest.mark.parametrize("direct", [FakeOtlp], indirect=True)
def test_the_javascript_sdk_whose_json_equals_its_protobuf(agents, otlp, direct, node_sdk):
    port = agents(otlp_chain(otlp)).start().listen_ports()[0]
    run(["node", str(HERE / "app.js")], AGENT=f"http://127.0.0.1:{port}",
        DIRECT=direct.url, NODE_PATH=str(node_sdk / "node_modules"))
    assert_equal(otlp, direct)
