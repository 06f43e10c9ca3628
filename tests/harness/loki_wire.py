"""Loki's push format: protobuf (written by hand here, so that it checks ours) and JSON."""
import json
import re

import snappy

LABELS = re.compile(r'^\{(.*)\}$', re.DOTALL)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\x00-\x1f]|\\.)*)"(?:, ?|$)')
ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))')
SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
                  '"': '"', "\\": "\\"}


class WireError(Exception):
    """What a server would answer 400 to."""


def read_varint(data, at):
    result = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError("cut or overlong varint")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7


def fields(data):
    """Yields (number, value) of a message: bytes, or an integer for varints."""
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        wire = key & 7
        if wire == 2:
            length, at = read_varint(data, at)
            if at + length > end:
                raise WireError(f"field {key >> 3} reaches beyond its message")
            yield key >> 3, data[at:at + length]
            at += length
        elif wire == 0:
            value, at = read_varint(data, at)
            yield key >> 3, value
        else:
            raise WireError(f"wire type {wire} does not occur in a PushRequest")


def decode_timestamp(data):
    seconds = nanos = 0
    for number, value in fields(data):
        if number == 1:
            seconds = value
        elif number == 2:
            nanos = value
    if not 0 <= nanos < 1_000_000_000:
        raise WireError(f"nanos out of range: {nanos}")
    return seconds * 1_000_000_000 + nanos


def decode_pair(data):
    name = value = b""
    for number, part in fields(data):
        if number == 1:
            name = part
        elif number == 2:
            value = part
    return name.decode(), value.decode()


def decode_entry(data):
    timestamp, line, metadata = 0, b"", []
    for number, value in fields(data):
        if number == 1:
            timestamp = decode_timestamp(value)
        elif number == 2:
            line = value
        elif number == 3:
            metadata.append(decode_pair(value))
        else:
            raise WireError(f"EntryAdapter has no field {number} that a client may send")
    return timestamp, line, tuple(metadata)


def decode_protobuf(body):
    """[(labels text, [(timestamp ns, line bytes, ((name, value), …)), …]), …]"""
    try:
        data = snappy.decompress(body)
    except Exception as error:
        raise WireError(f"not snappy: {error}") from None
    streams = []
    for number, stream in fields(data):
        if number != 1:
            raise WireError(f"PushRequest has no field {number} that a client may send")
        labels, entries = None, []
        for part, value in fields(stream):
            if part == 1:
                labels = value.decode()
            elif part == 2:
                entries.append(decode_entry(value))
            else:
                raise WireError(f"StreamAdapter has no field {part} that a client may send")
        streams.append((labels, entries))
    return streams


def decode_json(body):
    streams = []
    for stream in json.loads(body)["streams"]:
        labels = format_labels(stream["stream"])
        entries = [(int(value[0]), value[1].encode(),
                    tuple(value[2].items()) if len(value) > 2 else ())
                   for value in stream["values"]]
        streams.append((labels, entries))
    return streams


def parse_labels(text):
    """{name: value} of `{a="b", c="d"}`; WireError for what Loki would refuse."""
    outer = LABELS.match(text or "")
    if not outer:
        raise WireError(f"labels are not in braces: {text!r}")
    labels, at = {}, 0
    while at < len(outer[1]):
        match = LABEL.match(outer[1], at)
        if not match:
            raise WireError(f"labels do not parse at {outer[1][at:at + 40]!r}")
        if match[1] in labels:
            raise WireError(f"label {match[1]} comes twice")
        labels[match[1]] = unescape(match[2])
        at = match.end()
    return labels


def unescape(text):
    def one(match):
        if match[1] or match[2]:
            return chr(int(match[1] or match[2], 16))
        if match[3] not in SIMPLE_ESCAPES:
            raise WireError(f"unknown escape \\{match[3]}")
        return SIMPLE_ESCAPES[match[3]]
    return ESCAPE.sub(one, text)


def format_labels(labels):
    pairs = (f'{name}={json.dumps(value, ensure_ascii=False)}'
             for name, value in sorted(labels.items()))
    return "{" + ", ".join(pairs) + "}"


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def encode_protobuf(streams):
    """A push body from [(labels text, [(timestamp, line bytes, metadata pairs), …]), …]."""
    body = b""
    for labels, entries in streams:
        stream = field(1, labels.encode())
        for timestamp, line, metadata in entries:
            seconds, nanos = divmod(timestamp, 1_000_000_000)
            entry = field(1, field(1, seconds) + field(2, nanos)) + field(2, line)
            for name, value in metadata:
                entry += field(3, field(1, name.encode()) + field(2, value.encode()))
            stream += field(2, entry)
        body += field(1, stream)
    return snappy.compress(body)


def encode_json(streams):
    return json.dumps({"streams": [
        {"stream": parse_labels(labels),
         "values": [[str(timestamp), line.decode(), *([dict(metadata)] if metadata else [])]
                    for timestamp, line, metadata in entries]}
        for labels, entries in streams]}).encode()
