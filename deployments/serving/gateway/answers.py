"""Answers as ASGI messages; an error is the protocol's `{"error": sentence}`."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from deployments.serving.http1.answers import Headers, content_headers

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def answer(
    send: Send,
    status: int,
    body: bytes,
    headers: Headers | None = None,
    *,
    content: Headers | None = None,
) -> None:
    """Send an answer; `content` is what is said of a body that is not JSON alone."""
    head = [*(content or content_headers(len(body))), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def error(message: str) -> bytes:
    return orjson.dumps({"error": message})
