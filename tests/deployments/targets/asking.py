"""Asks a local target's instance directly, as a gateway does."""

import http.client
import json
import socket
from typing import Any


def ask(target, spec, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and parsed body; GET without a body to send."""
    backend = json.loads(target._folders.backend(spec.deployment_id).read_bytes())
    connection = http.client.HTTPConnection("model")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(backend["sockets"][-1])
    text = body if isinstance(body, bytes | None) else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, text)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found
