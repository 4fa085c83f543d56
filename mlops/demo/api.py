"""A caller of the public API, as any program outside would be. Knows no Django."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_S = 30.0
# An upload is read before its answer, which takes minutes on a slow machine.
CALL_TIMEOUT_S = 300.0
WAIT_S = 120.0
POLL_S, LONGEST_POLL_S, SLOWER = 0.1, 1.0, 1.2


class ApiError(Exception):
    """The server refused a call or could not be reached; says which and why."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Speaks for one person: every call carries that person's token."""

    def __init__(self, base_url: str, token: str = "") -> None:
        self.base_url = base_url.rstrip("/")
        self._token = token

    def at(self, base_url: str) -> "Api":
        """Return the same person's caller of another server."""
        return Api(base_url, self._token)

    def get(self, path: str, **query: object) -> Any:
        """Return the decoded answer. Raises ApiError for anything but success."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object | None = None) -> Any:
        return self._send("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        return self._send("PUT", path, body)

    def patch(self, path: str, body: object) -> Any:
        return self._send("PATCH", path, body)

    def upload(self, path: str, content: bytes, filename: str, /, **fields: str) -> Any:
        """Post a file as multipart/form-data, with text fields before it."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            f"{value}\r\n"
            for name, value in fields.items()
        ]
        parts.append(
            f"--{boundary}\r\nContent-Disposition: form-data; "
            f'name="file"; filename="{filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self._call("POST", path, body, {"Content-Type": kind})

    def wait(
        self, path: str, done: Callable[[Any], bool], *, timeout_s: float = WAIT_S
    ) -> Any:
        """Ask again until `done` says so; return that answer, or raise ApiError.

        More and more seldom, so that a long wait does not use up a caller's rate.
        """
        deadline, pause_s = time.monotonic() + timeout_s, POLL_S
        while not done(answer := self.get(path)):
            if time.monotonic() > deadline:
                raise ApiError(f"{path} was not done after {timeout_s:g} s.")
            time.sleep(pause_s)
            pause_s = min(pause_s * SLOWER, LONGEST_POLL_S)
        return answer

    def _send(self, method: str, path: str, body: object | None) -> Any:
        content = json.dumps(body if body is not None else {}).encode()
        return self._call(method, path, content, {"Content-Type": "application/json"})

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        sent = {"Accept": "application/json", **(headers or {})}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        url = self.base_url + path
        try:
            status, content = request(method, url, body, sent, CALL_TIMEOUT_S)
        except (OSError, HTTPException) as error:
            raise ApiError(f"{method} {url}: {error}") from error
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            text = content.decode(errors="replace")[:500]
            raise ApiError(f"{method} {url}: {status} {text}", status=status)
        return json.loads(content) if content else None


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, bytes]:
    """Make one HTTP request; return its status and body. Follows nothing."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=timeout_s)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target or "/", body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def segment(name: str) -> str:
    """Return a name as one segment of a URL's path."""
    return quote(name, safe="")
