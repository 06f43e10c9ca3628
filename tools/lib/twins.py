"""Finds helpers of one name in two files of a room: tools/test compiles such files as one."""
import re
from pathlib import PurePath

DEFINITION = re.compile(
    r"^(?:template\s*<.*>\s*)?"
    r"(?:(?:class|struct|enum class|enum|union)\s+(?P<type>\w+)\b(?!.*;\s*$)"
    r"|[\w:][\w:<>,&*\s\[\]]*?[\s&*](?P<name>\w+)\s*(?:\(|=|\{|\[))")


def helpers(text):
    """(line number, name) of what the anonymous namespaces of a .cpp file define."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line == "namespace {":
            inside = True
        elif line.startswith("}  // namespace"):
            inside = False
        elif inside and line and line[0] not in " /}#" and not line.startswith("using "):
            match = DEFINITION.match(line)
            if match:
                yield number, match["type"] or match["name"]


def twins(texts):
    """Yields (path, line number, complaint); `texts` maps the paths of .cpp files to their text."""
    first = {}
    for path, text in sorted(texts.items()):
        is_test = path.endswith(("_test.cpp", "_fuzz.cpp"))
        for number, name in helpers(text):
            key = (PurePath(path).parent, is_test, name)
            where = first.setdefault(key, path)
            if where != path:
                yield path, number, f"{name} is a helper in {where}, too: share it or rename it"
