"""The header that says how much of a body is JSON, where binary tensors follow."""

from collections.abc import Sequence

BINARY = b"inference-header-content-length"
MOST_DIGITS = 12
ALIGNED = 16  # bytes, as numpy's widest numbers want it


class UnclearLength(Exception):
    """The header is there, and is no length."""


def json_bytes_of(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Return the length, None if the whole body is JSON. Raises UnclearLength."""
    values = [value for name, value in headers if name == BINARY]
    if not values:
        return None
    if len(values) > 1 or not values[0].isdigit() or len(values[0]) > MOST_DIGITS:
        raise UnclearLength
    return int(values[0])


def gathered(chunks: Sequence[bytes], json_bytes: int | None) -> bytes | memoryview:
    """Return a body in one piece; what follows its JSON may be written to, aligned."""
    if json_bytes is None:
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    at = -json_bytes % ALIGNED
    buffer = memoryview(bytearray(at + sum(map(len, chunks))))
    body = buffer[at:]
    for chunk in chunks:
        buffer[at : at + len(chunk)] = chunk
        at += len(chunk)
    return body
