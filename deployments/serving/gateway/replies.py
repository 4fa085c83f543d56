"""Answers of the fast path, as bytes for the connection."""

from collections.abc import Awaitable, Callable

from deployments.serving.gateway.answers import coded_headers
from deployments.serving.gateway.calls import Found
from deployments.serving.gateway.choice import Choice
from deployments.serving.gateway.client import UpstreamAnswer
from deployments.serving.gateway.coding import IDENTITY, LEAST_BYTES, deflated
from deployments.serving.gateway.response_options import ResponseOptions, answer_lines
from deployments.serving.http1.answers import whole

Reply = Callable[[bytes], None]


async def give(
    made_good: Awaitable[tuple[Found, bytes]],
    choice: Choice,
    response_options: ResponseOptions,
    reply: Reply,
) -> None:
    found, request_id = await made_good
    wait_s = found.retry_after_s
    more = b"retry-after: %d\r\n" % wait_s if wait_s else b""
    head = choice.share.head + more + answer_lines(response_options, request_id)
    if is_coded(response_options, found.body):
        await give_coded(found, head, response_options.coding, reply)
    else:
        reply(whole(found.status, found.body, head, found.json_bytes))


async def give_coded(
    found: UpstreamAnswer | Found, head: bytes, coding: bytes, reply: Reply
) -> None:
    body = await deflated(found.body, coding)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in coded_headers(coding))
    reply(whole(found.status, body, head + lines, found.json_bytes))


def is_coded(response_options: ResponseOptions, body: bytes) -> bool:
    return response_options.coding != IDENTITY and len(body) >= LEAST_BYTES
