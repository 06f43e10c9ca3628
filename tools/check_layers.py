#!/usr/bin/env python3
"""Checks who includes whom (rooms, third-party headers, the public API) by tools/layers.txt.

Prints one `file:line: complaint` per violation and exits 1 if there is any.
"""
import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lib.tree import TOP, source_files  # noqa: E402

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Written by the build; meson.build and src/cli know them.
GENERATED = {"version_info.h"}
# The C ABI of plugins must compile as C11 on its own.
C_ABI = "include/tailrace/c/"
C_ABI_MAY = {"stdint.h", "stddef.h"}
TEST_SUFFIXES = ("_test.cpp", "_test.h", "_fuzz.cpp")
STANDARD = set("""
algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts
condition_variable coroutine deque exception execution filesystem format forward_list fstream
functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list
locale map memory memory_resource mutex new numbers numeric optional ostream queue random ranges
ratio regex scoped_allocator semaphore set shared_mutex source_location span sstream stack
stdexcept stop_token streambuf string string_view strstream syncstream system_error thread tuple
type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version
cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef
cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype
""".split())


class Rules:
    """The two tables of tools/layers.txt."""

    def __init__(self, text):
        self.rooms = {}
        self.third_party = {}
        table = None
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            if line == "[rooms]":
                table = self.rooms
            elif line == "[third party]":
                table = self.third_party
            elif table is None or ":" not in line:
                raise SystemExit(f"layers.txt:{number}: expected `name : names`, got: {line}")
            else:
                name, names = line.split(":", 1)
                table[name.strip()] = names.split()

    def may_include(self, room, other):
        allowed = self.rooms[room]
        return other == room or other in allowed or "*" in allowed

    def third_party_homes(self, header):
        for name, homes in self.third_party.items():
            if header == name or (name.endswith("/") and header.startswith(name)):
                return homes
        return None


def place_of(path):
    """(room, own folder) of a file in the repository; room is None where no rule applies."""
    parts = Path(path).parts
    if path.startswith("include/tailrace/"):
        return "tailrace", "tailrace/"
    if parts[0] == "src":
        return parts[1], parts[1] + "/"
    if parts[:2] == ("plugins", "common"):
        return "plugins/common", "/".join(parts[:3]) + "/"
    if parts[0] == "plugins" and len(parts) > 3:
        return "plugins", "/".join(parts[:3]) + "/"
    if parts[0] == "benchmarks":
        return "benchmarks", "benchmarks/"
    return None, None


def room_of_include(header, rules):
    """The room that a quoted include names, or None when it is not one of ours."""
    parts = header.split("/")
    if parts[0] == "plugins":
        return "plugins/common" if parts[1] == "common" else "plugins"
    return parts[0] if parts[0] in rules.rooms and len(parts) > 1 else None


def check_include(path, quoted, header, rules):
    """What is wrong with this include, or None."""
    room, own = place_of(path)
    is_test = path.endswith(TEST_SUFFIXES)
    homes = rules.third_party_homes(header)
    if path.startswith(C_ABI):
        return None if header in C_ABI_MAY else f"the C ABI may include only {sorted(C_ABI_MAY)}"
    if homes is not None:
        if "*" in homes and room != "tailrace":
            return None
        if room in homes or ("tests" in homes and (is_test or room == "testkit")):
            return None
        return f"<{header}> belongs to: {' '.join(homes)}; {room} must not include it"
    if not quoted:
        if room == "tailrace" and header not in STANDARD:
            return f"public headers include only tailrace/ and the standard library, not <{header}>"
        if "/" in header and not re.match(r"(sys|net|netinet|arpa|linux|bits)/", header):
            return f"<{header}> has no home in tools/layers.txt"
        return None
    if header in GENERATED:
        return None
    other = room_of_include(header, rules)
    if other is None:
        return f'"{header}" names no room: write "room/file.h"'
    if other == "plugins":
        if header.startswith(own or "-") or "*" in rules.rooms[room]:
            return None
        return f'"{header}": a plugin is included by nobody but itself'
    if other == "testkit":
        if is_test or room in ("testkit", "benchmarks"):
            return None
        return "testkit is for tests only"
    if rules.may_include(room, other):
        return None
    return f'"{header}": {room} may include {" ".join(rules.rooms[room]) or "nothing else"}'


def check_file(path, text, rules):
    """Yields (line number, complaint)."""
    room, _ = place_of(path)
    if room is None:
        return
    if room not in rules.rooms:
        yield 1, f"room {room} is not in tools/layers.txt"
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            complaint = check_include(path, match[1] == '"', match[2], rules)
            if complaint:
                yield number, complaint


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="only these (default: the whole tree)")
    arguments = parser.parse_args()
    rules = Rules((TOP / "tools/layers.txt").read_text())
    files = arguments.files or source_files(".h", ".cpp")
    bad = 0
    for path in files:
        for number, complaint in check_file(path, (TOP / path).read_text(), rules):
            print(f"{path}:{number}: {complaint}")
            bad += 1
    print(f"layers: {len(files)} files, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
