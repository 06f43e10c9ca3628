"""Several lanes: the same promises, and no data race (this folder also runs under TSan)."""
import pytest

from harness.configs import loki as loki_output, pipeline, tail, tail_to_loki
from harness.faults import Status
from harness.push_client import push
from harness.waiting import pause, wait_until

pytestmark = pytest.mark.threads
T0 = 1_767_322_445_000_000_000


@pytest.mark.parametrize("lanes", [2, 4])
def test_all_lines_of_many_files_arrive_in_order(agents, loki, node, lanes):
    logs = [node.container(f"c{i}") for i in range(12)]
    agent = agents(tail_to_loki(node.glob, loki, agent={"lanes": lanes})).start()
    lines = []
    for _ in range(5):
        for log in logs:
            lines += log.write_many(50)
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()
    assert agent.metrics().total("tailrace_ledger_errors_total") == 0


def test_rotation_stays_on_the_files_lane(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(6)]
    agent = agents(tail_to_loki(node.glob, loki, agent={"lanes": 2})).start()
    lines = []
    for _ in range(4):
        for log in logs:
            lines += log.write_many(50)
            log.rotate()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()


def test_kill_and_restart_with_another_number_of_lanes(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(8)]
    agent = agents(tail_to_loki(node.glob, loki)).start()
    lines = []
    for lanes in (3, 1, 2, 4):
        for log in logs:
            lines += log.write_many(100)
        loki.behave(Status(503), times=2)
        pause(0.2)
        agent.kill()
        config = dict(agent.config)
        config["agent"] = {**config["agent"], "lanes": lanes}
        agent.write_config(config)
        for log in logs:
            log.rotate()
        agent.start()
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def test_a_spool_left_by_more_lanes_is_sent_first(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(8)]
    loki.down()
    agent = agents(tail_to_loki(node.glob, loki, agent={"lanes": 4, "shutdown_grace": "0s"}))
    agent.start()
    lines = []
    for log in logs:
        lines += log.write_many(200)
    wait_until(lambda: agent.ledger_total("waiting") == len(lines), lambda: agent.ledger())
    agent.stop()
    config = dict(agent.config)
    config["agent"] = {**config["agent"], "lanes": 2}
    agent.write_config(config)
    loki.up()
    agent.start()
    for log in logs:
        lines += log.write_many(20)
    loki.wait_lines(lines)
    agent.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_ordered()


def test_receivers_of_all_lanes_share_one_port(agents, loki):
    agent = agents(pipeline({"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
                            {"loki": loki_output(loki)}, agent={"lanes": 3})).start()
    port = agent.listen_ports()[0]
    assert set(agent.listen_ports()) == {port}
    for i in range(60):
        assert push(port, [(f'{{client="{i}"}}', [(T0 + i, f"line {i}".encode(), ())])])[0] == 204
    loki.assert_exactly([f"line {i}" for i in range(60)])


def test_admin_pages_are_read_while_lanes_work(agents, loki, node):
    logs = [node.container(f"c{i}") for i in range(4)]
    agent = agents(tail_to_loki(node.glob, loki, agent={"lanes": 2})).start()
    lines = []
    for _ in range(20):
        for log in logs:
            lines += log.write_many(20)
        agent.metrics()
        agent.assert_ledger_closed()
        agent.files()
        agent.api("/api/v1/status")
    loki.wait_lines(lines)
    agent.stop()


def test_two_outputs_and_two_inputs_on_two_lanes(agents, loki, second_loki, node, tmp_path):
    log = node.container()
    (tmp_path / "raw.log").write_text("".join(f"raw {i}\n" for i in range(500)))
    agent = agents(pipeline(
        {"pods": tail(node.glob), "raw": tail(tmp_path / "raw.log", format="raw")},
        {"one": loki_output(loki), "two": loki_output(second_loki)}, agent={"lanes": 2})).start()
    lines = log.write_many(500) + [f"raw {i}" for i in range(500)]
    for server in (loki, second_loki):
        server.wait_lines(lines)
    agent.wait_settled()
    for server in (loki, second_loki):
        server.assert_exactly(lines)
    agent.stop()
