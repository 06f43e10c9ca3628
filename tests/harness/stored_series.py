"""Series with all that Prometheus keeps of them, bit for bit and in a form that can be compared.

They are read from remote write's requests and from the answers of remote read, which has the same
messages.
"""
import struct
from dataclasses import dataclass, field

import snappy

from harness.remote_write_wire import fields

STALE = 0x7FF0000000000002


@dataclass
class Series:
    labels: tuple
    samples: list = field(default_factory=list)  # [timestamp in ms, value's bits]
    histograms: list = field(default_factory=list)  # dicts
    exemplars: list = field(default_factory=list)  # [labels, value's bits, timestamp in ms]

    def add(self, other):
        self.samples += other.samples
        self.histograms += other.histograms
        self.exemplars += other.exemplars

    def as_json(self):
        """What a repeat would not change, in order of time."""
        return {"labels": dict(self.labels),
                "samples": _without_repeats(self.samples),
                "histograms": _without_repeats(self.histograms, key=lambda h: h["timestamp"]),
                "exemplars": _without_repeats(self.exemplars, key=lambda e: (e[2], e[1]))}


def _without_repeats(rows, key=None):
    kept = []
    for row in sorted(rows, key=key):
        if row not in kept[-1:]:
            kept.append(row)
    return kept


def merge(many):
    """{labels: Series}"""
    found = {}
    for series in many:
        found.setdefault(series.labels, Series(series.labels)).add(series)
    return found


def as_json(found):
    return [found[labels].as_json() for labels in sorted(found)]


def of_write(content_type, payload):
    """The series of a request, in its order."""
    body = snappy.decompress(payload)
    if "write.v2" not in content_type:
        return [of_message(message) for number, _, message in fields(body) if number == 1]
    symbols = [message.decode() for number, _, message in fields(body) if number == 4]
    return [_of_message_v2(message, symbols) for number, _, message in fields(body) if number == 5]


def of_message(message):
    """A TimeSeries of remote write 1.0 and of remote read."""
    labels, series = [], Series(())
    for number, _, value in fields(message):
        if number == 1:
            labels.append(_label(value))
        elif number == 2:
            series.samples.append(_sample(value))
        elif number == 3:
            names = [_label(label) for n, _, label in fields(value) if n == 1]
            series.exemplars.append([sorted(names), *_value_and_time(value, 2, 3)])
        elif number == 4:
            series.histograms.append(_histogram(value))
    series.labels = tuple(sorted(labels))
    return series


def _of_message_v2(message, symbols):
    series = Series(())
    for number, _, value in fields(message):
        if number == 1:
            series.labels = tuple(sorted(map(tuple, _pairs(value, symbols))))
        elif number == 2:
            series.samples.append(_sample(value))
        elif number == 3:
            series.histograms.append(_histogram(value))
        elif number == 4:
            refs = b"".join(refs for n, _, refs in fields(value) if n == 1)
            series.exemplars.append([sorted(_pairs(refs, symbols)), *_value_and_time(value, 2, 3)])
    return series


def _pairs(packed, symbols):
    texts = [symbols[ref] for ref in _varints(packed)]
    return [list(pair) for pair in zip(texts[::2], texts[1::2])]


def _label(message):
    pair = {number: text.decode() for number, _, text in fields(message)}
    return (pair.get(1, ""), pair.get(2, ""))


def _sample(message):
    bits, when = _value_and_time(message, 1, 2)
    return [when, bits]


def _value_and_time(message, value_field, time_field):
    bits, when = 0, 0
    for number, _, value in fields(message):
        if number == value_field:
            bits = _bits(value)
        elif number == time_field:
            when = _signed(value)
    return bits, when


def _bits(content):
    """Of a number; a negative zero as a zero, which remote read makes of it."""
    bits = struct.unpack("<Q", content)[0]
    return 0 if bits == 1 << 63 else bits


def _signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def _zigzag(value):
    return (value >> 1) ^ -(value & 1)


def _varints(packed):
    values, value, shift = [], 0, 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value = shift = 0
    return values


def _histogram(message):
    """A native histogram by its buckets that are not empty, however they were laid out."""
    told = {"count": 0, "sum": 0, "schema": 0, "threshold": 0, "zeros": 0, "positive": {},
            "negative": {}, "bounds": [], "timestamp": 0}
    spans, deltas = {True: [], False: []}, {True: [], False: []}
    for number, kind, value in fields(message):
        if number in (2, 7, 10, 13):
            raise ValueError("a histogram of floating-point counts")
        if number == 1:
            told["count"] = value
        elif number == 3:
            told["sum"] = _bits(value)
        elif number == 4:
            told["schema"] = _zigzag(value)
        elif number == 5:
            told["threshold"] = _bits(value)
        elif number == 6:
            told["zeros"] = value
        elif number in (8, 11):
            parts = {n: v for n, _, v in fields(value)}
            spans[number == 11].append((_zigzag(parts.get(1, 0)), parts.get(2, 0)))
        elif number in (9, 12):
            values = _varints(value) if kind == 2 else [value]
            deltas[number == 12] += map(_zigzag, values)
        elif number == 15:
            told["timestamp"] = _signed(value)
        elif number == 16:
            told["bounds"] += [_bits(value[i:i + 8]) for i in range(0, len(value), 8)]
    if told["sum"] == STALE:  # of such a one nothing else counts
        return {"stale": True, "timestamp": told["timestamp"]}
    told["positive"] = _buckets(spans[True], deltas[True])
    told["negative"] = _buckets(spans[False], deltas[False])
    return told


def _buckets(spans, deltas):
    found, index, count = {}, 0, 0
    deltas = iter(deltas)
    for offset, length in spans:
        index += offset
        for _ in range(length):
            count += next(deltas)
            if count:
                found[str(index)] = count
            index += 1
    assert next(deltas, None) is None, "more buckets than the spans have"
    return found
