"""The checks of tools/ find what they are for."""
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

import check_layers  # noqa: E402
import check_style  # noqa: E402
from lib.twins import twins  # noqa: E402

RULES = check_layers.Rules((TOP / "tools/layers.txt").read_text())
ALLOWED = check_style.read_allowed((TOP / "tools/style_allowed.txt").read_text())


def layer_complaints(path, *lines):
    return [number for number, _ in check_layers.check_file(path, "\n".join(lines), RULES)]


def style_complaints(path, text):
    return [why for _, why in check_style.check_file(path, text, ALLOWED)]


@pytest.mark.parametrize("path, include", [
    ("src/base/x.cpp", '"loop/lane.h"'),
    ("src/delivery/x.cpp", '"pipeline/graph.h"'),
    ("src/net/x.cpp", '"plugins/outputs/loki/loki.h"'),
    ("plugins/outputs/loki/x.cpp", '"delivery/spool.h"'),
    ("plugins/outputs/loki/x.cpp", '"plugins/inputs/tail/tail.h"'),
    ("plugins/common/loki/x.cpp", '"plugins/outputs/loki/loki.h"'),
    ("include/tailrace/x.h", '"base/log.h"'),
    ("include/tailrace/x.h", "<fmt/format.h>"),
    ("include/tailrace/x.h", "<unistd.h>"),
    ("include/tailrace/c/plugin.h", "<stdio.h>"),
    ("src/pipeline/x.cpp", "<uv.h>"),
    ("plugins/inputs/tail/x.cpp", "<simdjson.h>"),
    ("src/delivery/x.cpp", '"testkit/memory_fs.h"'),
    ("src/delivery/x.cpp", '"spool.h"'),
    ("src/delivery/x.cpp", "<doctest/doctest.h>"),
    ("src/delivery/x.cpp", "<boost/asio.hpp>"),
])
def test_layers_refuse(path, include):
    assert layer_complaints(path, "#pragma once", f"#include {include}") == [2]


@pytest.mark.parametrize("path, include", [
    ("src/base/x.cpp", '"tailrace/labels.h"'),
    ("src/delivery/x.cpp", '"net/http_client.h"'),
    ("src/delivery/x_test.cpp", '"testkit/memory_fs.h"'),
    ("src/delivery/x_test.cpp", "<doctest/doctest.h>"),
    ("src/cli/x.cpp", '"pipeline/graph.h"'),
    ("src/loop/x.cpp", "<uv.h>"),
    ("src/loop/x.cpp", "<sys/inotify.h>"),
    ("plugins/outputs/loki/x.cpp", '"plugins/outputs/loki/loki.h"'),
    ("plugins/outputs/loki/x.cpp", '"plugins/common/loki/push.h"'),
    ("include/tailrace/x.h", "<tl/expected.hpp>"),
    ("include/tailrace/c/plugin.h", "<stdint.h>"),
])
def test_layers_allow(path, include):
    assert layer_complaints(path, f"#include {include}") == []


@pytest.mark.parametrize("text", [
    "auto t = std::chrono::steady_clock::now();\n",
    "throw std::runtime_error(what);\n",
    "std::regex r;\n",
    "std::this_thread::sleep_for(1s);\n",
    '#include "../base/log.h"\n',
    "int a;  \n",
    "int a;",
    "// TO" "DO: later\n",
])
def test_style_refuses(text):
    assert style_complaints("src/delivery/x.cpp", text)


@pytest.mark.parametrize("path, text", [
    ("src/loop/clock.cpp", "auto t = std::chrono::steady_clock::now();\n"),
    ("src/config/x.cpp", "throw YAML::Exception(what);\n"),
    ("src/delivery/x.cpp", "// does not throw\n"),
    ("src/delivery/x.cpp", 'log("we sleep_for a while");\n'),
    ("src/delivery/x.cpp", "int timeout(int seconds);\n"),
])
def test_style_allows(path, text):
    assert style_complaints(path, text) == []


def test_a_header_without_pragma_once_is_refused():
    assert style_complaints("src/base/x.h", "int a;\n")


def test_a_python_sleep_is_refused_outside_the_waiting_module():
    assert style_complaints("tests/e2e/x.py", "time.sleep(1)\n")
    assert not style_complaints("tests/harness/waiting.py", "time.sleep(1)\n")


def anonymous(line):
    return f"namespace {{\n\n{line}\n}}  // namespace\n"


@pytest.mark.parametrize("line", [
    "bool is_digit(char c) noexcept {", "constexpr size_t kLeast = 4;", "class Reader {",
    "std::vector<std::string> names(", "template <class T> T* copy(", "enum class Kind {",
])
def test_twins_are_refused_within_a_room(line):
    text = anonymous(line)
    found = list(twins({"src/net/a.cpp": text, "src/net/b.cpp": text, "src/base/c.cpp": text,
                        "src/net/a_test.cpp": text}))
    assert [(path, number) for path, number, _ in found] == [("src/net/b.cpp", 3)]


@pytest.mark.parametrize("line", [
    "using Texts = std::vector<std::string>;", "// like is_digit(c)", "  return f(1);", "class Reader;",
])
def test_what_may_stand_in_two_files(line):
    text = anonymous(line)
    assert list(twins({"src/net/a.cpp": text, "src/net/b.cpp": text})) == []
