"""What a stage of the tests came to."""
from dataclasses import dataclass


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Outcome(self.passed + other.passed, self.failed + other.failed,
                       self.skipped + other.skipped)

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")
