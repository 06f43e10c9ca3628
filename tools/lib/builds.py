"""The build folders that the tests use: configured by meson, built by ninja, cached by ccache."""
import json
import os
import subprocess

from lib.outcome import Outcome
from lib.tree import TOP

# Quick to build: by clang, which needs two thirds of GCC's time, and half for what the sanitizers add;
# not optimised, and no debug information, with which a sanitizer's build takes five times as long. The
# files of a room or a plugin are compiled as one, for reading the headers is most of the work. b_ndebug
# is said, because meson takes buildtype=plain for a release.
_TESTED = "clang -Dbuildtype=plain -Doptimization=0 -Db_ndebug=false -Dunity=on -Dunity_size=30 " \
          "-Dtest_hooks=true"
_SANITIZED = _TESTED + " -Dbenchmarks=disabled -Db_lundef=false -Db_pie=false"
BUILDS = {
    # What users get; tools/demo and the benchmarks use it too.
    "release": "gcc -Dbuildtype=release -Doptimization=2 -Db_lto=true -Db_lto_threads=2 "
               "-Dtests=false",
    # Unit tests, quick to build: linking thirty programs with LTO would take longer than the rest.
    "unit": _TESTED + " -Dbenchmarks=enabled",
    "asan": _SANITIZED + " -Db_sanitize=address,undefined",
    "tsan": _SANITIZED + " -Db_sanitize=thread",
}
# What is built beside the agent and the unit tests. The micro benchmarks are here to see that they
# compile: with LTO, which they are measured with, they would take a minute more.
EXTRA = {"release": ["all"], "unit": ["benchmarks/micro/micro"]}


class BuildFailed(Exception):
    pass


def configure(name):
    """Sets up build/NAME, and anew when its options have changed."""
    command = f". tools/lib/setup.sh; mkdir -p build; configure_build {name} {BUILDS[name]}"
    if subprocess.run(["bash", "-ec", command], cwd=TOP).returncode != 0:
        raise BuildFailed(f"meson could not set up build/{name}")


def introspect(name, what):
    listed = subprocess.run(["meson", "introspect", f"build/{name}", what],
                            cwd=TOP, capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)


def test_programs(name, only=None):
    """{test name: command} of the unit tests of a build."""
    return {test["name"]: test["cmd"] for test in introspect(name, "--tests")
            if only is None or test["name"] in only}


def jobs():
    """How many compilers run at a time: TAILRACE_JOBS, or one a core."""
    return int(os.environ.get("TAILRACE_JOBS") or os.cpu_count())


def run_ninja(name, targets):
    done = subprocess.run(["ninja", "-C", str(TOP / "build" / name), "-j", str(jobs()), *targets],
                          cwd=TOP, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildFailed("\n".join(done.stdout.splitlines()[-60:] + done.stderr.splitlines()))
    for line in done.stdout.splitlines():
        if "warning:" in line:
            print(line)


def build_agent(name):
    """Builds only the program."""
    configure(name)
    run_ninja(name, [str((TOP / agent_binary(name)).relative_to(TOP / "build" / name))])


def build(name, only_tests=None):
    """Builds the agent, the unit tests and the extras of build/NAME."""
    build_agent(name)
    folder = TOP / "build" / name
    programs = test_programs(name, only_tests).values()
    targets = [str((TOP / command[0]).relative_to(folder)) for command in programs]
    run_ninja(name, targets + EXTRA.get(name, []))
    return Outcome(passed=1)


def agent_binary(name):
    for target in introspect(name, "--targets"):
        if target["name"] == "tailrace" and target["type"] == "executable":
            return target["filename"][0]
    raise BuildFailed(f"build/{name} makes no executable named tailrace")
