"""Rotation in all its forms, while the agent runs: no line is lost, none comes twice."""
import os
import shutil
import subprocess

import pytest

from harness.configs import tail_to_loki
from harness.waiting import wait_until


def expect(loki, lines, agent):
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()


def test_a_rotation_of_the_kubelet_loses_nothing(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = log.write_many(100)
    loki.wait_lines(lines)
    for _ in range(3):
        log.rotate()
        lines += log.write_many(100)
        loki.wait_lines(lines)
    expect(loki, lines, agent)


def test_lines_written_just_before_and_after_a_rotation_come_in_order(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = []
    for _ in range(4):
        lines += log.write_many(500)
        log.rotate()
    lines += log.write_many(500)
    expect(loki, lines, agent)


def test_the_runtime_may_write_to_the_renamed_file_for_a_moment(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = log.write_many(10)
    loki.wait_lines(lines)
    log.rotate(gap=lambda: lines.extend(log.write_many(10)))
    lines += log.write_many(10)
    expect(loki, lines, agent)


def test_the_pods_folder_can_be_read_without_the_links(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.pods_glob, loki)).start()
    lines = log.write_many(20)
    loki.wait_lines(lines)
    log.rotate()
    lines += log.write_many(20)
    expect(loki, lines, agent)
    assert loki.labels() == [log.labels()]


def test_copytruncate_starts_again_at_the_beginning(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(f"before {i}\n" for i in range(1000)))
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    before = [f"before {i}" for i in range(1000)]
    loki.wait_lines(before)
    shutil.copy(path, tmp_path / "app.log.1")
    os.truncate(path, 0)
    with open(path, "a") as file:
        file.write("after 0\nafter 1\n")
    expect(loki, before + ["after 0", "after 1"], agent)


def test_a_truncated_file_that_grew_past_the_old_position_is_noticed(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("old line\n" * 10)
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    agent.wait_settled()
    wait_until(lambda: len(loki.unique()) == 10, "the old lines came")
    new = [f"a new and longer line {i}" for i in range(100)]
    agent.process.send_signal(19)  # SIGSTOP: it must not see the file while it is short
    os.truncate(path, 0)
    with open(path, "a") as file:
        file.write("".join(line + "\n" for line in new))
    agent.process.send_signal(18)
    loki.wait_lines(new)


def test_a_writer_without_append_leaves_a_hole_after_truncation(agents, loki, tmp_path):
    path = tmp_path / "app.log"
    with open(path, "w") as file:
        file.write("before\n" * 1000)
        file.flush()
        agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
        wait_until(lambda: len(loki.unique()) == 1000, "the lines before came")
        os.truncate(path, 0)
        wait_until(lambda: agent.files()["files"][0]["position"] == 0, "truncation was seen")
        file.write("after the hole\n")
        file.flush()
        wait_until(lambda: any("after the hole" in line for line in loki.lines()),
                   "the line after came")
    assert [line for line in loki.lines() if line.lstrip("\0") == "after the hole"]
    agent.wait_settled()


def test_logrotate_with_copytruncate_and_compress(agents, loki, tmp_path):
    path = tmp_path / "logs" / "app.log"
    path.parent.mkdir()
    config = tmp_path / "logrotate.conf"
    who = " su root root\n" if os.getuid() == 0 else ""
    config.write_text(f"{path} {{\n rotate 3\n copytruncate\n compress\n missingok\n{who}}}\n")
    os.chmod(path.parent, 0o755)
    path.write_text("")
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    lines = []
    for turn in range(4):
        batch = [f"turn {turn} line {i}" for i in range(200)]
        with open(path, "a") as file:
            file.write("".join(line + "\n" for line in batch))
        lines += batch
        loki.wait_lines(lines)  # copytruncate itself loses what is unread
        subprocess.run(["/usr/sbin/logrotate", "-f", "-s", tmp_path / "status", config], check=True)
    expect(loki, lines, agent)


def test_logrotate_with_create_renames_and_loses_nothing(agents, loki, tmp_path):
    path = tmp_path / "logs" / "app.log"
    path.parent.mkdir()
    os.chmod(path.parent, 0o755)
    config = tmp_path / "logrotate.conf"
    who = " su root root\n" if os.getuid() == 0 else ""
    config.write_text(f"{path} {{\n rotate 5\n create\n compress\n delaycompress\n{who}}}\n")
    path.write_text("")
    agent = agents(tail_to_loki(path, loki, input={"format": "raw"})).start()
    lines = []
    for turn in range(5):
        batch = [f"turn {turn} line {i}" for i in range(200)]
        with open(path, "a") as file:
            file.write("".join(line + "\n" for line in batch))
        lines += batch
        subprocess.run(["/usr/sbin/logrotate", "-f", "-s", tmp_path / "status", config], check=True)
        loki.wait_lines(lines)
    expect(loki, lines, agent)


def test_a_deleted_file_is_read_to_its_end(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    first = log.write_many(10)
    loki.wait_lines(first)
    agent.process.send_signal(19)
    lines = first + log.write_many(2000)
    log.delete()
    agent.process.send_signal(18)
    expect(loki, lines, agent)


def test_a_deleted_file_is_closed_in_the_end(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki, input={"rotate_wait": "200ms"})).start()
    loki.wait_lines(log.write_many(10))
    log.delete()
    def held():
        folder = f"/proc/{agent.process.pid}/fd"
        targets = []
        for name in os.listdir(folder):
            try:
                targets.append(os.readlink(f"{folder}/{name}"))
            except OSError:
                continue
        return [target for target in targets if "0.log" in target]
    wait_until(lambda: not held(), lambda: f"deleted files are closed: {held()}")


def test_a_restarted_container_is_followed_to_its_next_file(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = log.write_many(50)
    log.restart()
    lines += log.write_many(50)
    log.restart()
    lines += log.write_many(50)
    expect(loki, lines, agent)
    assert loki.labels() == [log.labels()]


@pytest.mark.slow
def test_a_fast_writer_that_rotates_often_loses_nothing(agents, loki, node):
    log = node.container()
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = []
    for turn in range(60):
        lines += log.write_many(500)
        if turn % 3 == 2:
            loki.wait_lines(lines[-1:])  # the kubelet deletes after four rotations
        log.rotate()
    expect(loki, lines, agent)
