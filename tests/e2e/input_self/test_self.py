"""The agent ships its own metrics."""
import struct

from harness import remote_write_wire as wire


def test_what_the_admin_page_shows_arrives(agents, receiver):
    agent = agents({
        "inputs": {"own": {"type": "self", "interval": "200ms", "instance": "here"}},
        "outputs": {"out": {"type": "prometheus_remote_write", "url": receiver.url,
                            "batch": {"linger": "50ms"}}},
        "pipelines": {"p": {"inputs": ["own"], "outputs": ["out"]}},
    }).start()
    receiver.wait_requests(4)
    page = agent.metrics()
    names = {dict(labels)["__name__"] for labels in receiver.samples}
    assert {name for name, _, _ in page.samples} <= names
    (series,) = receiver.of("tailrace_memory_limit_bytes").items()
    labels, samples = series
    assert labels == (("instance", "here"), ("job", "tailrace"))
    value = struct.unpack("<d", struct.pack("<Q", samples[0][0]))[0]
    assert [value] == page.values("tailrace_memory_limit_bytes")
    times = [t for _, t in samples]
    assert times == sorted(set(times))
    assert not receiver.complaints
    assert "tailrace_memory_limit_bytes" in wire.metadata(receiver.requests[0].payload)
