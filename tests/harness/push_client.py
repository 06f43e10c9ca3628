"""A client of Loki's push API."""
import http.client

from harness import loki_wire
from harness.waiting import PATIENCE

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def post(port, body, content_type, headers=None, path="/loki/api/v1/push", timeout=30):
    """(status, body, headers) of the answer; (None, reason, {}) when the connection broke."""
    headers = dict(headers or {})
    if content_type:
        headers["Content-Type"] = content_type
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * PATIENCE)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace"), dict(answer.getheaders())
    except (OSError, http.client.HTTPException) as error:
        return None, repr(error), {}
    finally:
        connection.close()


def push(port, streams, tenant=None, **options):
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    return post(port, loki_wire.encode_protobuf(streams), PROTOBUF, headers, **options)


def push_json(port, streams, **options):
    return post(port, loki_wire.encode_json(streams), JSON, **options)
