"""Asks a local target's instance directly, as a gateway does."""

import http.client
import json
import socket
from typing import Any


def ask(target, spec, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and parsed body; GET without a body to send."""
    return _ask_at(_sockets(target, spec)[-1], path, body)


def ask_each(target, spec, path: str, body: Any = None) -> list[tuple[int, Any]]:
    """Return status and parsed body of each instance."""
    return [_ask_at(each, path, body) for each in _sockets(target, spec)]


def _sockets(target, spec) -> list[str]:
    return json.loads(target._folders.backend(spec.deployment_id).read_bytes())[
        "sockets"
    ]


def _ask_at(address: str, path: str, body: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("model")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(address)
    text = body if isinstance(body, bytes | None) else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, text)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found
