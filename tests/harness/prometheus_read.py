"""Everything that a Prometheus has stored, by its remote read and its API for exemplars."""
import json
import struct
import urllib.parse
import urllib.request

import snappy

from harness.remote_write_wire import bytes_field, fields, number_field
from harness.stored_series import Series, merge, of_message

_MATCH_REGEX = 2


def read_everything(base, start_ms, end_ms):
    """{labels: Series} of the time between the two."""
    matcher = number_field(1, _MATCH_REGEX) + bytes_field(2, b"__name__") + bytes_field(3, b".+")
    query = number_field(1, start_ms) + number_field(2, end_ms) + bytes_field(3, matcher)
    request = urllib.request.Request(
        f"{base}/api/v1/read", snappy.compress(bytes_field(1, query)),
        {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
         "X-Prometheus-Remote-Read-Version": "0.1.0"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = snappy.decompress(answer.read())
    series = [of_message(message) for _, _, result in fields(body)
              for _, _, message in fields(result)]
    return merge(series + _exemplars(base, start_ms, end_ms))


def _exemplars(base, start_ms, end_ms):
    query = urllib.parse.urlencode({"query": '{__name__=~".+"}', "start": start_ms / 1000,
                                    "end": end_ms / 1000})
    with urllib.request.urlopen(f"{base}/api/v1/query_exemplars?{query}", timeout=60) as answer:
        data = json.load(answer)["data"]
    return [Series(tuple(sorted(entry["seriesLabels"].items())),
                   exemplars=[[sorted(e["labels"].items()), _bits(e["value"]),
                               round(e["timestamp"] * 1000)] for e in entry["exemplars"]])
            for entry in data]


def _bits(text):
    return struct.unpack("<Q", struct.pack("<d", float(text)))[0]
