"""Reads what a client sends: the path's parts, the body within limits."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from deployments.serving.http1.binary import BINARY
from deployments.serving.http1.failures import log_fields
from mlops.tracing import TraceSpan

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

DIRECT = "_d"
DROPPED = 4  # times the limit
REMEMBERED_BYTES = 512
_PARTS = 3  # environment, model, rest
_HOST = re.compile(rb"(\[[\w.:%~!$&'()*+,;=-]+\]|[\w.%~!$&'()*+,;=-]*)(:\d*)?")
"""RFC 3986, 3.2.2 and 3.2.3: what may stand in a Host, if not all that may not."""


class RequestRefused(Exception):
    """The request is refused by the gateway itself; 503: for the moment only.

    `headers` say what would do.
    """

    def __init__(
        self, status: int, message: str, headers: Headers | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or []


@dataclass(slots=True)
class Wire:
    """A request as a model server gets it; its head lacks the ids and the last line."""

    head: bytes
    request_id: bytes
    body: bytes
    span: TraceSpan | None = None

    def whole(self) -> bytes:
        """Return its bytes; the ids are the last lines of its head, for a fast path."""
        trace = (
            b"traceparent: %b\r\n" % self.span.traceparent.encode()
            if self.span
            else b""
        )
        return b"%b%bx-request-id: %b\r\n\r\n%b" % (
            self.head,
            trace,
            self.request_id,
            self.body,
        )

    @property
    def fields(self) -> dict[str, str]:
        """What log lines say of it."""
        return log_fields(self.request_id, self.span)


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """Target of a request's path: a slot or one deployment, and the path below it.

    `version` is set when the path asks for one.
    """

    environment: str
    model: str
    deployment_id: str
    rest: bytes
    version: str | None
    is_infer: bool

    @property
    def slot_key(self) -> tuple[str, str]:
        """The slot's environment and model; empty and the deployment's id without."""
        return self.environment, self.model or self.deployment_id


def target_of(raw_path: bytes) -> RequestTarget | None:
    """Return what `/serving/{environment}/{model}/…` or `/serving/_d/{id}/…` names."""
    is_usual = len(raw_path) <= REMEMBERED_BYTES
    return _remembered_target(raw_path) if is_usual else _target_of(raw_path)


def _target_of(raw_path: bytes) -> RequestTarget | None:
    parts = raw_path.removeprefix(b"/serving/").split(b"/", _PARTS - 1)
    if len(parts) < _PARTS - 1 or not all(parts[: _PARTS - 1]):
        return None
    first, second = _text(parts[0]), _text(parts[1])
    rest = parts[2].rstrip(b"/") if len(parts) == _PARTS else b""
    names = [_text(part) for part in rest.split(b"/")]
    version = None
    if names[:2] == ["v2", "models"] and names[3:4] == ["versions"] and names[4:]:
        version = names[4]
    is_direct = first == DIRECT
    return RequestTarget(
        environment="" if is_direct else first,
        model="" if is_direct else second,
        deployment_id=second if is_direct else "",
        rest=b"/" + rest,
        version=version,
        is_infer=not rest or names[-1] == "infer",
    )


_remembered_target = lru_cache(maxsize=2048)(_target_of)


def _text(part: bytes) -> str:
    return unquote_to_bytes(part).decode("utf-8", "replace")


async def read_body(
    receive: Receive, max_bytes: int, *, began_at: float, limit_s: float
) -> bytes:
    """Return the whole body. Raises RequestRefused for one too large or too slow.

    `began_at`, in the loop's time, is when the request's first byte came. What is too
    large is still read, and dropped: a client that is cut off in the middle of
    sending would not see the answer.
    """
    try:
        async with asyncio.timeout_at(began_at + limit_s):
            return await _read_all(receive, max_bytes)
    except TimeoutError:
        raise RequestRefused(408, late(limit_s)) from None


def late(limit_s: float) -> str:
    return f"The request did not come within {limit_s:g} s."


async def _read_all(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= max_bytes * DROPPED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused(400, "The client went away.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if size > max_bytes:
        raise RequestRefused(413, f"The body is larger than {max_bytes} bytes.")
    return b"".join(chunks)


def host_fault(headers: Sequence[tuple[bytes, bytes]], version: str) -> str:
    """Return what is wrong with a head's Host, "" for nothing: RFC 9112, 3.2."""
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts:
        return "Send a Host header." if version >= "1.1" else ""
    if len(hosts) > 1:
        return "Send one Host header."
    return "" if _HOST.fullmatch(hosts[0]) else "The Host header is not a host."


def key_digests(headers: Sequence[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the SHA-256 of the bearer token, as route files hold keys; () without.

    Raises RequestRefused for two: what is in front of the gateway may have looked at
    the other one.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) > 1:
        raise RequestRefused(400, "Send one Authorization header.")
    scheme, _, key = values[0].partition(b" ") if values else (b"", b"", b"")
    if scheme.lower() != b"bearer":
        return ()
    return (hashlib.sha256(key.strip()).hexdigest(),)


def wire_head(
    method: bytes,
    path: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    body_bytes: int,
) -> bytes:
    """Return the head that a model server gets, but for its end; no more is passed."""
    binary = b"".join(
        b"%b: %b\r\n" % (BINARY, value) for name, value in headers if name == BINARY
    )
    return (
        b"%b %b HTTP/1.1\r\nhost: instance\r\ncontent-type: application/json\r\n"
        b"%bcontent-length: %d\r\n" % (method, path, binary, body_bytes)
    )


def metadata_path(model: str) -> bytes:
    return b"/v2/models/" + quote(model, safe="").encode()
