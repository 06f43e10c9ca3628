"""The examples of the component contract are the files that the build compiles and checks."""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_examples_are_those_of_the_tests():
    page = (TOP / "include/tailrace/README.md").read_text()
    examples = re.findall(r"```cpp\n(.*?)```", page, re.DOTALL)
    files = [TOP / "tests/contract/examples" / name for name in
             ("tick.cpp", "shorter.cpp", "lines.cpp")]
    assert examples == [file.read_text() for file in files]
