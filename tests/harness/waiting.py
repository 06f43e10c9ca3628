"""Waiting for conditions. The only place of the tests that sleeps."""
import os
import time

# Sanitized builds are slower; their tests wait longer before they give up.
PATIENCE = {"asan": 3.0, "tsan": 5.0}.get(os.environ.get("TAILRACE_BUILD", ""), 1.0)


def wait_until(condition, what, timeout=20.0, poll=0.02):
    """Calls `condition` until it gives something true, and returns that.

    `what` completes "gave up waiting until …"; it may be a function, called on failure.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"gave up waiting until {told} ({timeout * PATIENCE:.0f} s)")
        time.sleep(poll)


def holds_for(condition, what, seconds, poll=0.05):
    """Fails when `condition` stops being true within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(poll)


def settle(measure, quiet=1.0, timeout=30.0):
    """Waits until `measure()` has not changed for `quiet` seconds, and returns it."""
    deadline = time.monotonic() + timeout * PATIENCE
    last, since = measure(), time.monotonic()
    while time.monotonic() - since < quiet and time.monotonic() < deadline:
        time.sleep(0.05)
        now = measure()
        if now != last:
            last, since = now, time.monotonic()
    return last


def pace(rate):
    """Yields 0, 1, 2, … at `rate` per second; catches up when the consumer was slow."""
    start, count = time.monotonic(), 0
    while True:
        yield count
        count += 1
        ahead = start + count / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def pause(seconds):
    """For scripted events (a fault lasts this long), never for waiting on the agent."""
    time.sleep(seconds)
