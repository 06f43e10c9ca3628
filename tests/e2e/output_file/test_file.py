"""The file output in the real binary."""
import json

from harness.configs import loki as loki_output, pipeline, tail
from harness.waiting import pause, wait_until


def config(node, path, **options):
    return pipeline({"files": tail(node.glob)},
                    {"out": {"type": "file", "path": str(path),
                             "batch": {"linger": "50ms"}, **options}})


def rows(folder, name="out.log"):
    """All lines of the file and its rotated predecessors."""
    found = []
    for path in sorted(folder.glob(name + "*")):
        found += path.read_text().splitlines()
    return found


def contains_all(shown, lines):
    text = "\n".join(shown)
    return all(line in text for line in lines)


def test_lines_are_appended_in_order(agents, node, tmp_path):
    log = node.container()
    agent = agents(config(node, tmp_path / "out/out.log")).start()
    lines = log.write_many(1000)
    agent.wait_settled()
    wait_until(lambda: len(rows(tmp_path / "out")) == 1000, "all lines are in the file")
    shown = rows(tmp_path / "out")
    assert all(line in row for row, line in zip(shown, lines))


def test_json_lines(agents, node, tmp_path):
    node.container().write('say "hi"')
    agent = agents(config(node, tmp_path / "out.log", format="json")).start()
    agent.wait_settled()
    wait_until(lambda: (tmp_path / "out.log").exists() and rows(tmp_path), "the line is there")
    assert 'say "hi"' in json.loads(rows(tmp_path)[0]).values()


def test_rotation_by_size_keeps_every_line(agents, node, tmp_path):
    log = node.container()
    agent = agents(config(node, tmp_path / "out/out.log", max_size="16KiB", max_files=50)).start()
    lines = []
    for _ in range(20):
        lines += log.write_many(200)
        agent.wait_settled()
    files = sorted((tmp_path / "out").glob("out.log*"))
    assert len(files) > 3
    assert sum(len(path.read_text().splitlines()) for path in files) == len(lines)
    assert contains_all(rows(tmp_path / "out"), lines)
    assert all(path.stat().st_size <= 16 * 1024 for path in files)


def test_rotation_keeps_no_more_files_than_asked(agents, node, tmp_path):
    log = node.container()
    agent = agents(config(node, tmp_path / "out/out.log", max_size="16KiB", max_files=2)).start()
    for _ in range(30):
        log.write_many(200)
        agent.wait_settled()
    assert len(list((tmp_path / "out").glob("out.log*"))) <= 3


def test_a_kill_loses_no_line(agents, node, tmp_path):
    log = node.container()
    agent = agents(config(node, tmp_path / "out/out.log")).start()
    lines = []
    for _ in range(5):
        lines += log.write_many(500)
        pause(0.15)
        agent.restart()
        lines += log.write_many(100)
    agent.wait_settled()
    wait_until(lambda: contains_all(rows(tmp_path / "out"), lines), "every line is in the file")


def test_an_unwritable_path_holds_up_no_other_output(agents, loki, node, tmp_path):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    made = config(node, tmp_path / "blocked/out.log")
    made["outputs"]["loki"] = loki_output(loki)
    made["pipelines"]["logs"]["outputs"] = ["out", "loki"]
    log = node.container()
    lines = log.write_many(100)
    agent = agents(made)
    agent.start(ready=False)
    wait_until(lambda: not agent.running() or len(loki.lines()) == 100,
               lambda: f"refused at start, or delivered elsewhere: {agent.log_tail()}")
    assert "blocked" in agent.log()
    if agent.running():
        loki.assert_exactly(lines)
        assert agent.ledger_total("waiting", output="out") == 100
