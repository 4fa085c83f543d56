"""Answers as ASGI messages; an error is the protocol's `{"error": sentence}`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from deployments.serving.gateway.coding import IDENTITY, LEAST_BYTES, deflated
from deployments.serving.gateway.response_options import DATE, ResponseOptions
from deployments.serving.http1.answers import Headers, content_headers
from deployments.serving.http1.failures import REQUEST_ID, log_fields
from mlops.tracing import TraceSpan

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a request: its `send`, and its response options."""

    send: Send
    response_options: ResponseOptions
    request_id: bytes
    span: TraceSpan | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What log lines say of the request."""
        return log_fields(self.request_id, self.span)

    async def answer(
        self,
        status: int,
        body: bytes,
        headers: Headers | None = None,
        *,
        content: Headers | None = None,
    ) -> None:
        """Send an answer; `content` describes a body that is not JSON."""
        head = [
            *(content or content_headers()),
            *(headers or ()),
            *self.response_options.headers(),
            (b"date", DATE.value()),
            (REQUEST_ID, self.request_id),
        ]
        if self.response_options.coding != IDENTITY and len(body) >= LEAST_BYTES:
            body = await deflated(body, self.response_options.coding)
            head += coded_headers(self.response_options.coding)
        head.append((b"content-length", b"%d" % len(body)))
        start = {"type": "http.response.start", "status": status, "headers": head}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body})

    async def answer_nothing(self, status: int, headers: Headers | None = None) -> None:
        """Send an answer that has no body."""
        head = [
            *(headers or ()),
            *self.response_options.headers(),
            (b"date", DATE.value()),
            (REQUEST_ID, self.request_id),
        ]
        if status != NO_CONTENT:
            head.append((b"content-length", b"0"))
        start = {"type": "http.response.start", "status": status, "headers": head}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": b""})


NO_CONTENT = 204


def coded_headers(coding: bytes) -> Headers:
    return [(b"content-encoding", coding), (b"vary", b"Accept-Encoding")]


def error(message: str) -> bytes:
    return orjson.dumps({"error": message})
