"""Runs unit tests (doctest) and end-to-end tests (pytest) and counts them."""
import multiprocessing
import os
import re
import subprocess
import xml.etree.ElementTree
from multiprocessing.pool import ThreadPool

from lib.builds import agent_binary, test_programs
from lib.outcome import Outcome
from lib.tree import TOP

DOCTEST_COUNT = re.compile(
    r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:exitcode=99",
}
# These take most of the time, the longest first. They begin first, so that there is work for all until
# the end.
LONGEST = ("power_loss", "net", "delivery", "inputs_tail", "pipeline", "common_prom_scrape_cache")
UNIT_TEST_SECONDS = 600  # sanitizers make some ten times slower


def run_one(name, command):
    """Runs one doctest program. It counts as failed when it crashes, too."""
    environment = {**os.environ, **SANITIZER_ENVIRONMENT}
    try:
        done = subprocess.run(command, cwd=TOP, env=environment, timeout=UNIT_TEST_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode(errors="replace")
        status = f"still running after {UNIT_TEST_SECONDS} s"
    match = DOCTEST_COUNT.search(output)
    outcome = Outcome(*map(int, match.groups())) if match else Outcome()
    if status != 0 and not outcome.failed:
        outcome.failed = 1
    return name, outcome, output, status


def longest_first(program):
    name, _ = program
    return LONGEST.index(name) if name in LONGEST else len(LONGEST), name


def run_unit_tests(build, only=None):
    total = Outcome()
    programs = test_programs(build, only)
    # One more than there are cores: they wait half of their time.
    with ThreadPool(multiprocessing.cpu_count() + 1) as pool:
        for name, outcome, output, status in pool.imap(lambda program: run_one(*program),
                                                       sorted(programs.items(), key=longest_first)):
            print(f"  {name}: {outcome}" + ("" if status == 0 else f" (exit {status})"))
            if outcome.failed:
                print("\n".join(output.splitlines()[-80:]))
            total += outcome
    return total


def run_e2e(build, markers, shards=1):
    """Runs the tests with these markers; those of more than one shard side by side."""
    with ThreadPool(shards) as pool:
        return sum(pool.starmap(run_shard, [(build, markers, number, shards)
                                            for number in range(shards)]), Outcome())


def run_shard(build, markers, number, shards):
    report = TOP / "build" / f"e2e-{build}-{number}.xml"
    report.unlink(missing_ok=True)
    environment = {**os.environ, **SANITIZER_ENVIRONMENT,
                   "TAILRACE_BINARY": agent_binary(build), "TAILRACE_BUILD": build,
                   "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["/usr/bin/python3", "-m", "pytest", "tests", "-m", markers, "-q", "-rsf",
               "--durations=5", f"--junitxml={report}", "-p", "no:cacheprovider",
               f"--shard={number}/{shards}"]
    # Of several at a time the output is shown when they end, or it would be mixed.
    done = subprocess.run(command, cwd=TOP, env=environment,
                          stdout=subprocess.PIPE if shards > 1 else None, text=True)
    if shards > 1:
        print(done.stdout, flush=True)
    if not report.exists():
        return Outcome(failed=1)
    outcome = read_report(report)
    if done.returncode not in (0, 5) and not outcome.failed:
        outcome.failed = 1
    return outcome


def read_report(path):
    total = Outcome()
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        count = {key: int(suite.get(key, 0)) for key in ("tests", "errors", "failures", "skipped")}
        failed = count["errors"] + count["failures"]
        total += Outcome(count["tests"] - failed - count["skipped"], failed, count["skipped"])
    return total
