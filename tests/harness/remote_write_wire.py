"""Remote write 1.0 and 2.0 as bytes, by hand: the agent's own code is not asked."""
import struct

import snappy

V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


class WireError(ValueError):
    """A body that breaks the rules."""


# Writing

def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def bytes_field(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def number_field(field, number):
    return _varint(field << 3) + _varint(number)


def _sample(field, value, timestamp, start=0):
    content = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(timestamp)
    return bytes_field(field, content + (b"\x18" + _varint(start) if start else b""))


def encode_v1(series):
    """series: [(labels, [(value, timestamp)])]; labels are written in order of their names."""
    body = b""
    for labels, samples in series:
        content = b"".join(bytes_field(1, bytes_field(1, name.encode()) + bytes_field(2, value.encode()))
                           for name, value in sorted(labels.items()))
        body += bytes_field(1, content + b"".join(_sample(2, *sample) for sample in samples))
    return snappy.compress(body)


def encode_v2(series):
    symbols = [""]

    def ref(text):
        if text not in symbols:
            symbols.append(text)
        return symbols.index(text)

    rows = b""
    for labels, samples in series:
        refs = b"".join(_varint(ref(name)) + _varint(ref(value))
                        for name, value in sorted(labels.items()))
        rows += bytes_field(5, bytes_field(1, refs) + b"".join(_sample(2, *sample) for sample in samples))
    return snappy.compress(b"".join(bytes_field(4, s.encode()) for s in symbols) + rows)


# Reading

def fields(message):
    """(number, wire type, value) of every field."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
        elif kind == 1:
            value, at = message[at:at + 8], at + 8
        elif kind == 2:
            length, at = _read_varint(message, at)
            value, at = message[at:at + length], at + length
            if len(value) != length:
                raise WireError("a field ends behind its message")
        else:
            raise WireError(f"wire type {kind}")
        yield tag >> 3, kind, value


def _read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data):
            raise WireError("a varint is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def _read_sample(message):
    bits, timestamp = 0, 0
    for field, _, value in fields(message):
        if field == 1:
            bits = struct.unpack("<Q", value)[0]
        elif field == 2:
            timestamp = _signed(value)
    return bits, timestamp


def _check_labels(labels):
    names = [name for name, _ in labels]
    if names != sorted(set(names)):
        raise WireError(f"labels are not sorted, or one comes twice: {names}")
    if any(not name or not value for name, value in labels):
        raise WireError(f"an empty name or value: {labels}")
    if "__name__" not in names:
        raise WireError(f"no __name__: {labels}")
    return tuple(labels)


def decode(content_type, payload):
    """[(labels, [(value bits, timestamp)])] of a request; checks the rules for senders."""
    body = snappy.decompress(payload)
    return _decode_v2(body) if "write.v2" in content_type else _decode_v1(body)


def _decode_v1(body):
    series = []
    for field, _, message in fields(body):
        if field != 1:
            continue
        labels, samples = [], []
        for number, _, value in fields(message):
            if number == 1:
                pair = {n: text.decode() for n, _, text in fields(value)}
                labels.append((pair.get(1, ""), pair.get(2, "")))
            elif number == 2:
                samples.append(_read_sample(value))
        series.append((_check_labels(labels), samples))
    return series


def _decode_v2(body):
    symbols, series = [], []
    for field, _, message in fields(body):
        if field == 4:
            symbols.append(message.decode())
    if symbols and symbols[0]:
        raise WireError("the first symbol is not empty")
    if len(set(symbols)) != len(symbols):
        raise WireError("a symbol comes twice")
    for field, _, message in fields(body):
        if field != 5:
            continue
        refs, samples = [], []
        for number, _, value in fields(message):
            if number == 1:
                at = 0
                while at < len(value):
                    ref, at = _read_varint(value, at)
                    refs.append(symbols[ref])
            elif number == 2:
                samples.append(_read_sample(value))
        series.append((_check_labels(list(zip(refs[::2], refs[1::2]))), samples))
    return series


def metadata(payload):
    """{family name: (type, help, unit)} of a 1.0 request."""
    found = {}
    for field, _, message in fields(snappy.decompress(payload)):
        if field == 3:
            parts = {number: value for number, _, value in fields(message)}
            found[parts.get(2, b"").decode()] = (parts.get(1, 0), parts.get(4, b"").decode(),
                                                 parts.get(5, b"").decode())
    return found
