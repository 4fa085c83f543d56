"""Answers as they go over the wire: in JSON, or in JSON and binary tensors."""

from http import HTTPStatus

from deployments.serving.http1.binary import BINARY

Headers = list[tuple[bytes, bytes]]


def content_headers(json_bytes: int | None = None) -> Headers:
    """Return what a body is; `json_bytes` of it are JSON, None for all."""
    if json_bytes is None:
        return [(b"content-type", b"application/json")]
    binary = (BINARY, b"%d" % json_bytes)
    return [(b"content-type", b"application/octet-stream"), binary]


def whole(
    status: int, body: bytes, head: bytes = b"", json_bytes: int | None = None
) -> bytes:
    """Return an answer as it goes over the wire; `head` is more lines of its head."""
    return b"%b%bcontent-length: %d\r\n%b\r\n%b" % (
        _STATUS_LINES[status],
        _JSON if json_bytes is None else _BINARY % json_bytes,
        len(body),
        head,
        body,
    )


_JSON = b"content-type: application/json\r\n"
_BINARY = b"content-type: application/octet-stream\r\n" + BINARY + b": %d\r\n"
_STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode()
    for each in HTTPStatus
}
