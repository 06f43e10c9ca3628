"""Which files are found, and what happens with those that cannot be read."""
import os
import threading

import pytest

from harness.configs import tail, tail_to_loki, pipeline, loki as loki_output
from harness.process import open_descriptors
from harness.waiting import wait_until


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write("".join(line + "\n" for line in lines))


def raw(include, server, **options):
    return tail_to_loki(include, server, input={"format": "raw", **options})


def test_globs_find_files_of_now_and_of_later(agents, loki, tmp_path):
    write(tmp_path / "logs/a/one.log", "one")
    write(tmp_path / "logs/a/one.txt", "not asked for")
    agent = agents(raw(tmp_path / "logs/*/*.log", loki)).start()
    loki.wait_lines(["one"])
    write(tmp_path / "logs/a/two.log", "two")
    loki.wait_lines(["one", "two"])
    write(tmp_path / "logs/new-folder/three.log", "three")
    loki.wait_lines(["one", "two", "three"])
    agent.wait_settled()
    loki.assert_exactly(["one", "two", "three"])


def test_a_folder_that_does_not_exist_yet_is_waited_for(agents, loki, tmp_path):
    agents(raw(tmp_path / "later/on/*.log", loki, rescan_interval="500ms")).start()
    write(tmp_path / "later/on/app.log", "here at last")
    loki.wait_lines(["here at last"])


def test_exclude_wins_over_include(agents, loki, tmp_path):
    write(tmp_path / "keep.log", "kept")
    write(tmp_path / "noise.log", "noise")
    agent = agents(raw(tmp_path / "*.log", loki, exclude=[str(tmp_path / "noise*")])).start()
    loki.wait_lines(["kept"])
    agent.wait_settled()
    loki.assert_exactly(["kept"])


def test_two_links_to_one_file_are_read_once(agents, loki, tmp_path):
    write(tmp_path / "real/app.log", "once")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.log").symlink_to(tmp_path / "real/app.log")
    (tmp_path / "links/b.log").symlink_to(tmp_path / "real/app.log")
    agent = agents(raw(tmp_path / "links/*.log", loki)).start()
    loki.wait_lines(["once"])
    agent.wait_settled()
    assert loki.count() == 1


def test_a_dangling_link_that_gets_its_target_is_read(agents, loki, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.log").symlink_to(tmp_path / "target.log")
    agents(raw(tmp_path / "links/*.log", loki, rescan_interval="500ms")).start()
    write(tmp_path / "target.log", "found")
    loki.wait_lines(["found"])


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to read as somebody else")
def test_an_unreadable_file_is_warned_of_once_and_read_when_allowed(agents, loki, tmp_path):
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        os.chmod(folder, 0o755)
    write(tmp_path / "secret.log", "now you see me")
    write(tmp_path / "open.log", "readable")
    os.chmod(tmp_path / "secret.log", 0o000)
    agent = agents(raw(tmp_path / "*.log", loki, rescan_interval="300ms"))
    os.chown(agent.state_dir, 65534, 65534)
    os.chmod(agent.folder, 0o755)
    agent.start(wrapper=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    loki.wait_lines(["readable"])
    agent.wait_log(r"(?i)secret\.log.*permission denied|permission denied.*secret\.log")
    wait_until(lambda: agent.metrics().total("tailrace_tail_files_unreadable") == 1,
               "the unreadable file is counted")
    os.chmod(tmp_path / "secret.log", 0o644)
    loki.wait_lines(["readable", "now you see me"])
    warnings = [line for line in agent.log().splitlines() if "secret.log" in line
                and "ermission" in line]
    assert len(warnings) == 1, warnings


def test_a_folder_that_matches_the_glob_does_no_harm(agents, loki, tmp_path):
    (tmp_path / "folder.log").mkdir()
    os.mkfifo(tmp_path / "pipe.log")
    write(tmp_path / "app.log", "fine")
    agents(raw(tmp_path / "*.log", loki)).start()
    loki.wait_lines(["fine"])


def test_a_quiet_file_is_not_starved_by_a_loud_one(agents, loki, tmp_path):
    """P4: while one file has 100 MB to read, a line in another one comes at once."""
    loud = tmp_path / "loud.log"
    with open(loud, "wb") as file:
        for _ in range(100):
            file.write((b"l" * 199 + b"\n") * 5000)
    quiet = tmp_path / "quiet.log"
    write(quiet, "quiet 0")
    agent = agents(raw(tmp_path / "*.log", loki)).start()
    loki.wait_lines(["quiet 0"])
    behind = {file["path"]: file["size"] - file["position"] for file in agent.files()["files"]}
    assert any(bytes > 0 for name, bytes in behind.items() if name.endswith("loud.log")), behind


def test_thousands_of_files_are_watched_with_few_descriptors_open_too_long(agents, loki, tmp_path):
    for i in range(2000):
        write(tmp_path / f"logs/{i:04d}.log", f"file {i}")
    agent = agents(raw(tmp_path / "logs/*.log", loki)).start()
    loki.wait_lines([f"file {i}" for i in range(2000)], timeout=60)
    agent.wait_settled()
    assert len(open_descriptors(agent.process.pid)) < 3000
    assert "too many open files" not in agent.log().lower()


def test_two_inputs_may_read_the_same_file(agents, loki, tmp_path):
    write(tmp_path / "app.log", "shared")
    inputs = {"a": tail(tmp_path / "app.log", format="raw"),
              "b": tail(tmp_path / "app.log", format="raw")}
    agent = agents(pipeline(inputs, {"loki": loki_output(loki)})).start()
    wait_until(lambda: loki.count() == 2, "both inputs read it")
    agent.wait_settled()
    assert agent.ledger_total("taken") == 2


def test_many_files_written_at_once_all_arrive(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(20)]
    agent = agents(tail_to_loki(node.glob, loki)).start()
    written = [None] * len(logs)

    def work(i):
        written[i] = logs[i].write_many(200)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(logs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for batch in written for line in batch]
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()
