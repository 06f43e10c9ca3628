"""The stages of tools/test: checks, builds, unit tests, end-to-end tests, sanitizers, clang-tidy.

The last line is `N passed, N failed`, summed over all stages; the exit status agrees with it.
"""
import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lib.builds import BuildFailed, build  # noqa: E402
from lib.checks import run_check, run_clang_format  # noqa: E402
from lib.outcome import Outcome  # noqa: E402
from lib.tree import TOP  # noqa: E402
from lib.suites import run_e2e, run_unit_tests  # noqa: E402
from lib.tidy import run_clang_tidy, run_clang_tidy_advice  # noqa: E402

# Rooms whose code is used by more than one thread.
THREADED = ("base", "loop", "delivery", "pipeline")
# So many end-to-end tests at a time: they wait more than they compute. Those that measure time are
# marked `alone`.
SHARDS = 4


def stages(options):
    """(title, function) of every stage, in order. A function returns an Outcome."""
    yield "layers", lambda: run_check("tools/check_layers.py")
    yield "style", lambda: run_check("tools/check_style.py")
    yield "clang-format", run_clang_format
    yield "build release", lambda: build("release")
    yield "build unit", lambda: build("unit")
    yield "unit tests", lambda: run_unit_tests("unit")
    e2e = "not slow and not live" if options.quick else "not live"
    yield "end to end", lambda: run_e2e("release", f"{e2e} and not alone", SHARDS)
    yield "end to end, alone", lambda: run_e2e("release", f"{e2e} and alone")
    yield "end to end, test hooks", lambda: run_e2e("unit", "hooks")
    if options.live:
        yield "live", lambda: run_e2e("release", "live")
    if options.quick:
        return
    yield "clang-tidy", run_clang_tidy
    if options.advice:
        yield "clang-tidy's advice", run_clang_tidy_advice
    yield "build ASan+UBSan", lambda: build("asan")
    yield "unit tests, ASan+UBSan", lambda: run_unit_tests("asan")
    yield "end to end, ASan+UBSan", lambda: run_e2e("asan", "not slow and not live and not alone", SHARDS)
    yield "build TSan", lambda: build("tsan", THREADED)
    yield "unit tests, TSan", lambda: run_unit_tests("tsan", THREADED)
    yield "end to end, TSan", lambda: run_e2e("tsan", "threads and not slow")


def run_stage(title, function):
    print(f"\n== {title}", flush=True)
    start = time.monotonic()
    try:
        outcome = function()
    except BuildFailed as failure:
        print(failure)
        outcome = Outcome(failed=1)
    seconds = time.monotonic() - start
    print(f"== {title}: {outcome} in {seconds:.0f} s", flush=True)
    return outcome, seconds


def main():
    parser = argparse.ArgumentParser(
        prog="tools/test", description=__doc__,
        epilog="TAILRACE_JOBS=N in the environment: so many compilers at a time, not one a core.")
    parser.add_argument("--quick", action="store_true",
                        help="no slow tests, no sanitizers, no clang-tidy")
    parser.add_argument("--live", action="store_true",
                        help="also test against real servers that the environment names "
                             "(TAILRACE_LIVE_LOKI, TAILRACE_LIVE_PROMETHEUS); without them these "
                             "tests are skipped aloud")
    parser.add_argument("--advice", action="store_true",
                        help="also print clang-tidy's advice, file by file, which takes longer than "
                             "everything else; only what .clang-tidy calls errors fails")
    parser.add_argument("--only", action="append", metavar="WORD",
                        help="only stages with WORD in their title")
    options = parser.parse_args()
    os.chdir(TOP)
    total = Outcome()
    times = []
    broken = set()
    for title, function in stages(options):
        if options.only and not any(word in title for word in options.only):
            continue
        suite = title.rpartition(", ")[2]
        needs = {"unit tests": "unit", "end to end": "release", "live": "release",
                 "end to end, alone": "release", "end to end, test hooks": "unit"}
        if suite in broken or needs.get(title) in broken:
            print(f"\n== {title}: not run, its build failed")
            total += Outcome(failed=1)
            continue
        outcome, seconds = run_stage(title, function)
        if title.startswith("build ") and outcome.failed:
            broken.add(title.removeprefix("build "))
        times.append((title, outcome, seconds))
        total += outcome
    print(f"\n{'stage':<28}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for title, outcome, seconds in times:
        print(f"{title:<28}{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}"
              f"{seconds:>9.0f}")
    print(f"all stages: {sum(seconds for _, _, seconds in times) / 60:.1f} minutes")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
