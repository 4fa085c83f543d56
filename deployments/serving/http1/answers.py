"""Answers in JSON as they go over the wire."""

from http import HTTPStatus


def whole(status: int, body: bytes, head: bytes = b"") -> bytes:
    """Return an answer as it goes over the wire; `head` is more lines of its head."""
    return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b" % (
        _STATUS_LINES[status],
        len(body),
        head,
        body,
    )


_STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode()
    for each in HTTPStatus
}
