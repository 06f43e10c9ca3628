"""Checks of the source text, each counted as one test."""
import subprocess

from lib.outcome import Outcome
from lib.tree import TOP, source_files


def run_check(script):
    done = subprocess.run(["/usr/bin/python3", script], cwd=TOP)
    return Outcome(passed=1) if done.returncode == 0 else Outcome(failed=1)


def run_clang_format():
    files = source_files(".h", ".cpp")
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], cwd=TOP,
                          capture_output=True, text=True)
    places = [line.split(": error:")[0] for line in done.stderr.splitlines() if "error:" in line]
    for path in sorted({place.split(":")[0] for place in places}):
        lines = [place.split(":")[1] for place in places if place.startswith(path + ":")]
        print(f"{path}: clang-format would change line {', '.join(dict.fromkeys(lines))}")
    return Outcome(passed=1) if done.returncode == 0 else Outcome(failed=1)
