"""Reads and checks the Prometheus text format of /metrics."""
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class Metrics:
    """Samples of one scrape."""

    def __init__(self, text):
        self.samples = []  # (name, labels, value)
        self.types = {}
        self.helps = {}
        seen = set()
        for line in text.splitlines():
            if line.startswith("# "):
                _, what, name, rest = (line + " ").split(" ", 3)
                table = {"TYPE": self.types, "HELP": self.helps}.get(what)
                if table is not None:
                    assert name not in table, f"{what} of {name} comes twice"
                    table[name] = rest.strip()
                continue
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            labels = dict(LABEL.findall(match[2] or ""))
            key = (match[1], tuple(sorted(labels.items())))
            assert key not in seen, f"series comes twice: {line!r}"
            seen.add(key)
            self.samples.append((match[1], labels, float(match[3])))

    def values(self, name, **labels):
        return [value for sample, has, value in self.samples
                if sample == name and labels.items() <= has.items()]

    def total(self, name, **labels):
        """The sum over all matching series; 0.0 when there is none."""
        return sum(self.values(name, **labels))

    def names(self):
        return {name for name, _, _ in self.samples}
