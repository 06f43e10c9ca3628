"""clang-tidy in two tiers, as .clang-tidy divides its checks: errors, and advice.

The product's code is looked at a room or plugin at a time, in the unity files of build/asan, because
parsing the headers is what takes the time. What was clean is remembered in build/tidy, and not looked
at again until .clang-tidy, the file or a header of ours that it includes has changed.
"""
import functools
import hashlib
import json
import re
import subprocess
from multiprocessing.pool import ThreadPool
from pathlib import Path

from lib.builds import configure, jobs
from lib.outcome import Outcome
from lib.tree import TOP

FINDING = re.compile(r"^(/\S+?):(\d+):\d+: (warning|error): (.*\[[\w.,-]+\])$")
INCLUDED = re.compile(r'#include *["<]([^">]+)[">]')
STAMPS = TOP / "build" / "tidy"
INCLUDE_ROOTS = ("include", "src", "", "plugins")
BUILD = "asan"


def error_checks():
    """The checks that .clang-tidy lists under WarningsAsErrors."""
    text = (TOP / ".clang-tidy").read_text()
    listed = re.search(r"^WarningsAsErrors: >\n((?:  .*\n)+)", text, re.MULTILINE)
    return "".join(listed[1].split())


@functools.cache
def read(path):
    """(content, files of ours that it includes); a unity file names .cpp files by absolute path."""
    text = path.read_text()
    near = (path.parent, *(TOP / root for root in INCLUDE_ROOTS))
    found = []
    for name in INCLUDED.findall(text):
        places = [folder / name for folder in near if (folder / name).is_file()]
        found += places[:1]
    return text, found


def fingerprint(path, checks):
    """Changes with .clang-tidy, the checks, the file, and whatever of ours it includes."""
    digest = hashlib.sha256((TOP / ".clang-tidy").read_bytes() + checks.encode())
    seen, waiting = set(), [Path(path)]
    while waiting:
        file = waiting.pop().resolve()
        if file not in seen:
            seen.add(file)
            waiting += read(file)[1]
    for file in sorted(seen):
        digest.update(f"{file}\n{read(file)[0]}".encode())
    return digest.hexdigest()


def size(path):
    """Bytes of the sources that a unity file includes, or of a plain file."""
    path = Path(path)
    return sum(len(read(file)[0]) for file in [path, *read(path)[1]])


def compiled_files(build, wanted):
    """The absolute paths that a build compiles and `wanted` (a function of the output) picks."""
    commands = json.loads((TOP / "build" / build / "compile_commands.json").read_text())
    return sorted({str((Path(command["directory"]) / command["file"]).resolve())
                   for command in commands if wanted(command["output"])})


def is_product(output):
    return not re.search(r"(^|/)(test_|doctest|contract_plugins|benchmarks?/|floor|sink)", output)


def shown(path):
    """The path as a person writes it: unity files spell it with build/asan/../../ before it."""
    place = Path(path).resolve()
    return place.relative_to(TOP) if place.is_relative_to(TOP) else place


def tidy_one(path, checks):
    """Findings of one file as (place, kind, text), or a single one when clang-tidy cannot work."""
    command = ["clang-tidy", "-p", f"build/{BUILD}", "--quiet", path]
    if checks:
        command.append(f"--checks=-*,{checks}")
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    found = []
    for line in done.stdout.splitlines():
        match = FINDING.match(line)
        if match:
            found.append((f"{shown(match[1])}:{match[2]}", match[3], match[4]))
    if done.returncode != 0 and not any(kind == "error" for _, kind, _ in found):
        found.append((path, "error", (done.stdout + done.stderr)[-2000:]))
    return found


def run_tidy(checks):
    configure(BUILD)
    STAMPS.mkdir(parents=True, exist_ok=True)
    keys = {path: fingerprint(path, checks) for path in compiled_files(BUILD, is_product)}
    todo = [path for path, key in keys.items() if not (STAMPS / key).exists()]
    todo.sort(key=size, reverse=True)  # the longest first, for even ends
    reported = set()
    with ThreadPool(jobs()) as pool:
        for path, found in zip(todo, pool.imap(lambda path: tidy_one(path, checks), todo)):
            for finding in found:
                if finding not in reported:
                    print("{}: {}: {}".format(*finding), flush=True)
            reported.update(found)
            if not found:
                (STAMPS / keys[path]).touch()
    errors = sum(kind == "error" for _, kind, _ in reported)
    print(f"clang-tidy: {len(todo)} of {len(keys)} files looked at, {errors} errors, "
          f"{len(reported) - errors} pieces of advice")
    return Outcome(failed=1) if errors else Outcome(passed=1)


def run_clang_tidy():
    return run_tidy(error_checks())


def run_clang_tidy_advice():
    return run_tidy("")
