"""Answers as ASGI messages; an error is the protocol's `{"error": sentence}`."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"


async def answer(
    send: Send,
    status: int,
    body: bytes,
    headers: Headers | None = None,
    *,
    content_type: bytes = JSON,
) -> None:
    head = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def error(message: str) -> bytes:
    return orjson.dumps({"error": message})
