"""Checks of the source text, each counted as one test."""
import hashlib
import multiprocessing
import re
import subprocess

from lib.builds import configure
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


def tidy_one(path):
    """(path, errors): only the tier that .clang-tidy calls errors; advice is not printed."""
    done = subprocess.run(["clang-tidy", "-p", "build/release", "--quiet", path], cwd=TOP,
                          capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines()
             if re.search(r": error: ", line)]
    return path, found


def run_clang_tidy():
    """Every .cpp of ours that changed since the last clean run (a stamp per file remembers it)."""
    configure("release")
    stamps = TOP / "build" / "tidy"
    stamps.mkdir(parents=True, exist_ok=True)
    fingerprint = header_fingerprint()
    todo = []
    for path in source_files(".cpp"):
        if path.startswith(("tests/", "benchmarks/")) or path.endswith("_test.cpp"):
            continue
        stamp = stamps / path.replace("/", "_")
        content = fingerprint + (TOP / path).read_text()
        if not stamp.exists() or stamp.read_text() != content:
            todo.append((path, stamp, content))
    errors = 0
    with multiprocessing.Pool() as pool:
        for (path, stamp, content), (_, found) in zip(
                todo, pool.imap(tidy_one, [path for path, _, _ in todo])):
            print("\n".join(found), end="\n" if found else "")
            errors += len(found)
            if not found:
                stamp.write_text(content)
    print(f"clang-tidy: {len(todo)} files looked at, {errors} errors")
    return Outcome(failed=1) if errors else Outcome(passed=1)


def header_fingerprint():
    """Changes when .clang-tidy or the public headers do."""
    parts = [(TOP / ".clang-tidy").read_text()]
    parts += [(TOP / path).read_text() for path in source_files(".h")
              if path.startswith("include/")]
    return hashlib.sha256("".join(parts).encode()).hexdigest() + "\n"
