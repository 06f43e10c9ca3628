"""The json processor in the real binary."""
import json

import pytest

from harness.configs import tail_to_loki
from harness.lines import nginx, pino
from harness.waiting import wait_until

T0 = 1_767_322_445_000_000_000


def run(agents, loki, node, lines, **options):
    """Sends the lines through a json processor; {line: entry} of what came, and the agent."""
    log = node.container()
    for line in lines:
        log.write(line)
    agent = agents(tail_to_loki(node.glob, loki,
                                processors={"app": {"type": "json", **options}})).start()
    wait_until(lambda: len(loki.unique()) >= len(lines), lambda: f"all came: {loki.lines()}")
    agent.wait_settled()
    assert not loki.complaints
    return loki.unique(), agent


def levels(entries):
    """{n: detected level}"""
    return {json.loads(entry.line)["n"]: dict(entry.metadata).get("detected_level")
            for entry in entries}


def test_numeric_levels_of_pino_become_severities(agents, loki, node):
    numbers = (10, 20, 30, 40, 50, 60)
    lines = [pino(i, level=level, n=i) for i, level in enumerate(numbers)]
    entries, _ = run(agents, loki, node, lines)
    assert levels(entries) == {0: "trace", 1: "debug", 2: "info", 3: "warn", 4: "error", 5: "fatal"}


def test_words_of_zap_and_others_become_severities(agents, loki, node):
    words = {"info": "info", "WARNING": "warn", "Error": "error", "dpanic": "fatal",
             "debug": "debug", "critical": "fatal", "I": "info", "E": "error"}
    lines = [json.dumps({"level": word, "n": word}) for word in words]
    entries, _ = run(agents, loki, node, lines)
    found = levels(entries)
    assert {word: level for word, level in found.items()
            if level not in (words[word], {"fatal": "critical"}.get(words[word]))} == {}


def test_fields_go_to_labels_and_metadata(agents, loki, node):
    lines = [pino(i, service="cart" if i % 2 else "pay") for i in range(10)]
    entries, _ = run(agents, loki, node, lines, labels={"service": "service"},
                     metadata={"req": "reqId", "user": "userId"})
    assert {labels["service"] for labels in loki.labels()} == {"cart", "pay"}
    for entry in entries:
        row = json.loads(entry.line)
        metadata = dict(entry.metadata)
        assert (metadata["req"], metadata["user"]) == (row["reqId"], row["userId"])
        assert f'service="{row["service"]}"' in entry.labels


def test_the_line_itself_is_unchanged(agents, loki, node):
    lines = [pino(i) for i in range(5)]
    entries, _ = run(agents, loki, node, lines)
    assert [entry.line.decode() for entry in entries] == lines


def test_message_only(agents, loki, node):
    entries, _ = run(agents, loki, node, [pino(1, message="says \"this\"\n and that \u00fc")],
                     message_only=True)
    assert entries[0].line.decode() == 'says "this"\n and that \u00fc'


@pytest.mark.parametrize("value, expected", [
    (1_767_322_440_123, 1_767_322_440_123_000_000),
    (1_767_322_440, 1_767_322_440_000_000_000),
    ("2026-01-02T02:54:00.5Z", 1_767_322_440_500_000_000),
    ("2026-01-02T04:54:00.5+02:00", 1_767_322_440_500_000_000),
])
def test_the_timestamp_may_come_from_a_field(agents, loki, node, value, expected):
    entries, _ = run(agents, loki, node, [json.dumps({"time": value, "msg": "x"})],
                     timestamp={"field": "time"})
    assert entries[0].timestamp == expected


def test_malformed_lines_pass_unchanged_and_are_counted(agents, loki, node):
    bad = ['{"level":30,"msg":"cut', '{"level":}', "{}}", '{"a":"\\ud800"}', "{" * 3000]
    plain = [nginx(1), "", "plain text"]
    good = [pino(1)]
    lines = [line for line in bad + plain + good if line]
    entries, agent = run(agents, loki, node, lines, metadata={"req": "reqId"})
    assert sorted(entry.line.decode() for entry in entries) == sorted(lines)
    counted = [value for name, labels, value in agent.metrics().samples
               if labels.get("component") == "app" and ("malformed" in name or "error" in name
                                                        or "reason" in labels)]
    assert sum(counted) >= 3, counted


def test_deep_and_wide_documents_do_no_harm(agents, loki, node):
    wide = json.dumps({f"k{i}": i for i in range(5000)})
    deep = '{"a":' * 500 + "1" + "}" * 500
    entries, _ = run(agents, loki, node, [wide, deep, pino(1)], metadata={"last": "k4999"})
    found = {len(entry.line): dict(entry.metadata) for entry in entries}
    assert found[len(wide)]["last"] == "4999"


def test_values_that_would_not_make_good_metadata(agents, loki, node):
    rows = [{"level": 30, "x": value, "n": i} for i, value in
            enumerate(["", None, True, 1.5, {"deep": 1}, [1, 2], "new\nline", "\u0000nul"])]
    entries, _ = run(agents, loki, node, [json.dumps(row) for row in rows], metadata={"x": "x"})
    found = {json.loads(entry.line)["n"]: dict(entry.metadata).get("x") for entry in entries}
    assert found[2] == "true" and found[3] == "1.5"
    assert found[6] == "new\nline"
