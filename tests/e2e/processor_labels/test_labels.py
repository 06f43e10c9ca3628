"""The labels processor in the real binary."""
from harness.configs import tail_to_loki
from harness.waiting import wait_until


def labels_after(agents, loki, include, input=None, **options):
    agents(tail_to_loki(include, loki, input=input,
                        processors={"names": {"type": "labels", **options}})).start()
    wait_until(lambda: loki.count() >= 1, "the line came")
    assert not loki.complaints
    return loki.labels()[0]


def test_add_rename_drop(agents, loki, node):
    node.container("app", "web-0", "shop").write("x")
    assert labels_after(agents, loki, node.glob, add={"cluster": "lab"},
                        rename={"container": "service"}, drop=["stream"]) == {
        "namespace": "shop", "pod": "web-0", "service": "app", "cluster": "lab"}


def test_keep_leaves_only_what_it_names(agents, loki, node):
    node.container("app", "web-0", "shop").write("x")
    assert labels_after(agents, loki, node.glob, keep=["namespace"]) == {"namespace": "shop"}


def test_parts_of_a_path_become_labels(agents, loki, tmp_path):
    path = tmp_path / "srv/cart/app.log"
    path.parent.mkdir(parents=True)
    path.write_text("x\n")
    assert labels_after(agents, loki, path, input={"format": "raw"},
                        extract=[{"from": "filename", "regex": "/srv/(?P<app>[^/]+)/"}],
                        drop=["filename"]) == {"app": "cart"}


def test_streams_that_become_one_keep_all_lines(agents, loki, node):
    logs = [node.container(pod=f"web-{i}") for i in range(5)]
    lines = [line for log in logs for line in log.write_many(100)]
    agent = agents(tail_to_loki(node.glob, loki, processors={
        "names": {"type": "labels", "drop": ["pod", "stream"]}})).start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    assert loki.labels() == [{"namespace": "shop", "container": "app"}]
