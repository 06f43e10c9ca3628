"""Two tailraces: one tails and pushes to the other, which pushes to Loki."""
import pytest

from harness.configs import loki as loki_output, pipeline, tail_to_loki
from harness.faults import Status
from harness.waiting import pause


def start_pair(agents, loki, node, lanes=1):
    receiver = agents(pipeline({"push": {"type": "loki_push", "listen": "127.0.0.1:0"}},
                               {"loki": loki_output(loki)}, agent={"lanes": lanes}), "receiver")
    receiver.start()
    fix_port(receiver)
    port = receiver.listen_ports()[0]
    sender = agents(tail_to_loki(node.glob, f"http://127.0.0.1:{port}/loki/api/v1/push"), "sender")
    sender.start()
    return sender, receiver


def fix_port(receiver):
    """So that it comes back on the same port after a restart."""
    config = receiver.config
    config["inputs"]["push"]["listen"] = f"127.0.0.1:{receiver.listen_ports()[0]}"
    receiver.write_config(config)


def finish(loki, sender, receiver, lines):
    loki.wait_lines(lines, timeout=60)
    sender.wait_settled()
    receiver.wait_settled()
    loki.assert_exactly(lines)
    loki.assert_repeats_identical()


def test_lines_pass_through_both(agents, loki, node):
    log = node.container()
    sender, receiver = start_pair(agents, loki, node)
    lines = log.write_many(1000)
    finish(loki, sender, receiver, lines)
    assert loki.labels() == [log.labels()]
    assert loki.count() == 1000
    assert receiver.ledger_total("delivered") == sender.ledger_total("delivered") == 1000


@pytest.mark.parametrize("victim", ["sender", "receiver", "both"])
def test_killing_either_loses_nothing(agents, loki, node, victim):
    log = node.container()
    sender, receiver = start_pair(agents, loki, node)
    lines = []
    for turn in range(4):
        lines += log.write_many(300)
        loki.behave(Status(503), times=turn)
        pause(0.2)
        if victim in ("sender", "both"):
            sender.restart()
        if victim in ("receiver", "both"):
            receiver.restart()
        lines += log.write_many(300)
    loki.heal()
    finish(loki, sender, receiver, lines)


def test_an_outage_behind_the_gateway_is_held_by_the_gateway(agents, loki, node):
    log = node.container()
    sender, receiver = start_pair(agents, loki, node)
    loki.down()
    lines = log.write_many(2000)
    sender.wait_settled()
    assert receiver.ledger_total("waiting") == 2000
    loki.up()
    finish(loki, sender, receiver, lines)
