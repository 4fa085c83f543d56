"""The fast path of an infer call: its head is parsed once and remembered."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httptools

from deployments.serving.gateway.guard import MAX_HEADERS
from deployments.serving.gateway.request import (
    RequestTarget,
    host_fault,
    key_digests,
    target_of,
    wire_head,
)
from deployments.serving.gateway.response_options import (
    ResponseOptions,
    response_options_of,
)
from deployments.serving.http1.binary import UnclearLength, json_bytes_of
from deployments.serving.http1.heads import Head


@dataclass(frozen=True, slots=True, eq=False)
class HotRequest:
    """An infer call on a slot; `wire_head` is what the model server gets.

    One is read for each head, and is a key as itself: comparing would take longer.

    `json_bytes` of the body are JSON where binary tensors follow, else None.
    """

    target: RequestTarget
    slot_key: tuple[str, str]
    digests: tuple[str, ...]
    wire_head: bytes
    json_bytes: int | None
    response_options: ResponseOptions
    headers: tuple[tuple[bytes, bytes], ...]


def reader_of(origins: frozenset[bytes]) -> Callable[[Head], HotRequest | None]:
    """Return what reads heads where pages of these origins may ask."""
    return partial(hot_request, origins=origins)


def hot_request(
    head: Head, *, origins: frozenset[bytes] = frozenset()
) -> HotRequest | None:
    """Parse the head of a plain infer call; None for any other request."""
    path = httptools.parse_url(head.target).path
    names = [name for name, _ in head.headers]
    if len(names) > MAX_HEADERS or names.count(b"authorization") > 1:
        return None
    if head.method != b"POST" or not path.startswith(b"/serving/"):
        return None
    if b"content-encoding" in names or host_fault(head.headers, "1.1"):
        return None
    try:
        json_bytes = json_bytes_of(head.headers)
    except UnclearLength:
        return None
    target = target_of(path)
    if target is None or target.deployment_id or not target.is_infer:
        return None
    return HotRequest(
        target,
        (target.environment, target.model),
        key_digests(head.headers),
        wire_head(b"POST", target.rest, head.headers, head.body_bytes),
        json_bytes,
        response_options_of(head.headers, origins),
        head.headers,
    )
