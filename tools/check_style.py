#!/usr/bin/env python3
"""Checks what the compiler and clang-format do not: risky calls, headers, sizes, stray text.

Prints one `file:line: complaint` per violation and exits 1 if there is any. Advice (file sizes)
is printed too and does not fail.
"""
import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lib.tree import TOP, source_files, tracked_files  # noqa: E402
from lib.twins import twins  # noqa: E402

ADVISED_LINES = 450

# Things that need a place in tools/style_allowed.txt: what it looks like in C++ and in Python.
RISKY = {
    "wall-clock": {
        ".cpp": r"\b(system|steady|high_resolution)_clock::now\b"
                r"|\b(clock_gettime|gettimeofday)\s*\(|\buv_(hrtime|now)\s*\("
                r"|[^_\w.>]time\s*\((nullptr|NULL|0|&)",
    },
    "throw": {".cpp": r"\bthrow\b"},
    "std-regex": {".cpp": r"\bstd::regex\b|#\s*include\s*<regex>"},
    "sleep": {
        ".cpp": r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^_\w.]sleep\s*\(",
        ".py": r"\b(time|asyncio)\.sleep\s*\(",
    },
}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"""(^|[\s"'=(])/(root|work)/""")
UPWARD_INCLUDE = re.compile(r'^\s*#\s*include\s*".*\.\./')
CHECKERS = {"tools/check_style.py", "tests/tools/test_checks.py"}
TEXT_SUFFIXES = {".h", ".cpp", ".py", ".sh", ".md", ".yaml", ".txt", ".build", ".in"}


def read_allowed(text):
    allowed = {}
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        if line:
            name, places = line.split(":", 1)
            allowed[name.strip()] = places.split()
    return allowed


def without_comments(text):
    """C++ text with comments and string literals blanked, lines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|R"\((?s:.*?)\)"', re.DOTALL)
    return pattern.sub(lambda m: '""' + "\n" * m[0].count("\n") if m[0][0] in '"R'
                       else "\n" * m[0].count("\n"), text)


def is_allowed(path, places):
    return any(path == place or (place.endswith("/") and path.startswith(place))
               for place in places)


def check_risky(path, text, allowed):
    suffix = ".cpp" if path.endswith((".h", ".cpp")) else Path(path).suffix
    code = without_comments(text) if suffix == ".cpp" else text
    for name, patterns in RISKY.items():
        if suffix not in patterns or is_allowed(path, allowed.get(name, [])):
            continue
        pattern = re.compile(patterns[suffix])
        for number, line in enumerate(code.splitlines(), 1):
            if pattern.search(line):
                yield number, f"{name} is not allowed here (tools/style_allowed.txt)"


def check_text(path, text):
    """Rules for every text file of ours."""
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() and not path.endswith(".md"):
            yield number, "blanks at the end of the line"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"
        if UNFINISHED.search(line):
            yield number, "unfinished, by its own word"


def check_cpp(path, text):
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "a header needs #pragma once"
    for number, line in enumerate(text.splitlines(), 1):
        if UPWARD_INCLUDE.match(line):
            yield number, 'write the include from the top ("room/file.h"), not with ../'


def check_file(path, text, allowed):
    """Yields (line number, complaint)."""
    if path in CHECKERS:
        return
    yield from check_text(path, text)
    if path.endswith((".h", ".cpp")):
        yield from check_cpp(path, text)
    if path.startswith(("include/", "src/", "plugins/", "tests/", "benchmarks/")):
        yield from check_risky(path, text, allowed)


def advise_sizes():
    sizes = {p: (TOP / p).read_text(errors="replace").count("\n")
             for p in source_files(".h", ".cpp", ".py")}
    long_ones = sorted((n, p) for p, n in sizes.items() if n > ADVISED_LINES)
    for lines, path in reversed(long_ones):
        print(f"{path}: advice: {lines} lines; look for a second idea that wants its own file")
    if len(long_ones) * 10 > len(sizes):
        print(f"advice: {len(long_ones)} of {len(sizes)} files have over {ADVISED_LINES} lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="only these (default: the whole tree)")
    arguments = parser.parse_args()
    allowed = read_allowed((TOP / "tools/style_allowed.txt").read_text())
    files = arguments.files or [p for p in tracked_files() if Path(p).suffix in TEXT_SUFFIXES]
    bad = 0
    for path in files:
        text = (TOP / path).read_text(errors="replace")
        for number, complaint in check_file(path, text, allowed):
            print(f"{path}:{number}: {complaint}")
            bad += 1
    if not arguments.files:
        rooms = [p for p in source_files(".cpp") if not p.startswith("benchmarks/")]
        for path, number, complaint in twins({p: (TOP / p).read_text() for p in rooms}):
            print(f"{path}:{number}: {complaint}")
            bad += 1
        advise_sizes()
    print(f"style: {len(files)} files, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
