"""clang-tidy in two tiers, as .clang-tidy divides its checks: errors, and advice.

The errors are looked for a room or plugin at a time, in the unity files of build/asan, because
parsing the headers is what takes the time. The advice goes file by file. What was clean is
remembered in build/tidy and not looked at again until it changes.
"""
import hashlib
import json
import re
import subprocess
from multiprocessing.pool import ThreadPool
from pathlib import Path

from lib.builds import configure, jobs
from lib.outcome import Outcome
from lib.tree import TOP, source_files

FINDING = re.compile(r"^(/\S+?):(\d+):\d+: (warning|error): (.*\[[\w.,-]+\])$")
INCLUDED = re.compile(r'#include *"([^"]+)"')
STAMPS = TOP / "build" / "tidy"


def error_checks():
    """The checks that .clang-tidy lists under WarningsAsErrors."""
    text = (TOP / ".clang-tidy").read_text()
    listed = re.search(r"^WarningsAsErrors: >\n((?:  .*\n)+)", text, re.MULTILINE)
    return "".join(listed[1].split())


def header_fingerprint():
    """Changes when .clang-tidy or any header does."""
    digest = hashlib.sha256()
    for path in [".clang-tidy", *source_files(".h")]:
        digest.update((TOP / path).read_bytes())
    return digest.hexdigest()


def compiled_files(build, wanted):
    """The absolute paths that a build compiles and `wanted` (a function of the output) picks."""
    commands = json.loads((TOP / "build" / build / "compile_commands.json").read_text())
    return sorted({str((Path(command["directory"]) / command["file"]).resolve())
                   for command in commands if wanted(command["output"])})


def is_product(output):
    return not re.search(r"(^|/)(test_|doctest_main|contract_plugins|benchmarks?/|floor|sink)", output)


def content(path):
    """The text of a file, and of the .cpp files that a unity file includes."""
    text = Path(path).read_text()
    if "-unity" in path:
        text += "".join(Path(name).read_text() for name in INCLUDED.findall(text))
    return text


def shown(path):
    """The path as a person writes it: unity files spell it with build/asan/../../ before it."""
    place = Path(path).resolve()
    return place.relative_to(TOP) if place.is_relative_to(TOP) else place


def tidy_one(build, path, checks):
    """Findings of one file as (place, kind, text), or a single one when clang-tidy cannot work."""
    command = ["clang-tidy", "-p", f"build/{build}", "--quiet", path]
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


def run_tidy(build, wanted, checks):
    configure(build)
    STAMPS.mkdir(parents=True, exist_ok=True)
    fingerprint = header_fingerprint() + (checks or "all")
    todo = []
    for path in compiled_files(build, wanted):
        key = hashlib.sha256((fingerprint + path + content(path)).encode()).hexdigest()
        if not (STAMPS / key).exists():
            todo.append((path, key))
    todo.sort(key=lambda job: -len(content(job[0])))  # the longest first, for even ends
    reported = set()
    with ThreadPool(jobs()) as pool:
        for (_, key), found in zip(todo, pool.imap(
                lambda job: tidy_one(build, job[0], checks), todo)):
            for finding in found:
                if finding not in reported:
                    print("{}: {}: {}".format(*finding), flush=True)
            reported.update(found)
            if not found:
                (STAMPS / key).touch()
    errors = sum(kind == "error" for _, kind, _ in reported)
    print(f"clang-tidy: {len(todo)} files looked at, {errors} errors, "
          f"{len(reported) - errors} pieces of advice")
    return Outcome(failed=1) if errors else Outcome(passed=1)


def run_clang_tidy():
    return run_tidy("asan", is_product, error_checks())


def run_clang_tidy_advice():
    return run_tidy("release", is_product, None)
